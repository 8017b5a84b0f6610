import { Token } from 'aws-cdk-lib';
import {
  Connections,
  Port,
  SecurityGroup,
  SubnetType,
  type ISecurityGroup,
  type IVpc,
  type SelectedSubnets,
  type SubnetSelection,
} from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import type { IStepComputeDatabase } from './database-access.js';
import { plainObject, securityGroups, vpc, type Kinds } from './kinds.js';
import { refusal } from './refusal.js';

/** A place in a VPC. */
export interface NetworkProps {
  readonly vpc?: IVpc | undefined;
  /** Default: private subnets with a way out, else isolated ones. */
  readonly vpcSubnets?: SubnetSelection | undefined;
  /** Default: a new one for all functions. */
  readonly securityGroups?: readonly ISecurityGroup[] | undefined;
}

export const networkKinds: Kinds<NetworkProps> = { vpc, vpcSubnets: plainObject, securityGroups };

/** Where functions run, as Lambda asks for it. */
export interface FunctionNetwork {
  readonly vpc: IVpc;
  readonly vpcSubnets: SubnetSelection;
  readonly securityGroups: ISecurityGroup[];
}

/**
 * Where the functions have to run to reach all that they need; undefined where they need no VPC.
 * The databases' servers let them in.
 * @param own what the functions are to be in for another reason
 */
export function functionNetwork(
  scope: Construct,
  databases: readonly IStepComputeDatabase[],
  own: NetworkProps,
): FunctionNetwork | undefined {
  for (const name of ['vpcSubnets', 'securityGroups'] as const) {
    if (own[name] !== undefined && own.vpc === undefined) {
      throw new RangeError(`${name} must come with the vpc that they are in; got no vpc`);
    }
  }
  const asked: readonly NetworkProps[] = [own, ...databases.flatMap((each) => each.network ?? [])];
  const vpcs = asked.flatMap(({ vpc }) => vpc ?? []);
  const [vpc] = vpcs;
  if (vpc === undefined) return undefined;
  const other = vpcs.find(({ vpcId }) => vpcId !== vpc.vpcId);
  if (other !== undefined) {
    const given = `${vpc.node.path} and ${other.node.path}`;
    throw refusal('vpc', 'one for the functions and their databases', given);
  }
  const vpcSubnets = asked.find((each) => each.vpcSubnets !== undefined)?.vpcSubnets;
  const securityGroups = asked.find((each) => each.securityGroups !== undefined)?.securityGroups;
  const network = {
    vpc,
    vpcSubnets: checkedSubnets(vpc, vpcSubnets ?? privateSubnets(vpc)),
    securityGroups: [
      ...(securityGroups ?? [
        new SecurityGroup(scope, 'SecurityGroup', { vpc, description: 'Functions of StepCompute' }),
      ]),
    ],
  };
  const connections = new Connections({ securityGroups: network.securityGroups });
  for (const { address, network: there } of databases) {
    if (there?.server === undefined || !('host' in address)) continue;
    // It may be known by name alone.
    const port = Token.isUnresolved(address.port)
      ? Token.asNumber(address.port)
      : Number(address.port);
    connections.allowTo(there.server, Port.tcp(port), 'Functions of StepCompute');
  }
  return network;
}

/** Subnets without a way in: isolated ones are the last choice, since functions have a way to go. */
function privateSubnets(vpc: IVpc): SubnetSelection {
  if (vpc.privateSubnets.length > 0) return { subnetType: SubnetType.PRIVATE_WITH_EGRESS };
  if (vpc.isolatedSubnets.length > 0) return { subnetType: SubnetType.PRIVATE_ISOLATED };
  throw refusal(
    'vpc',
    'one with private or isolated subnets, or come with vpcSubnets',
    vpc.node.path,
  );
}

function checkedSubnets(vpc: IVpc, selection: SubnetSelection): SubnetSelection {
  if (!selectSubnets(vpc, selection).hasPublic) return selection;
  throw refusal(
    'vpcSubnets',
    'private: a function in a public subnet has no way out',
    JSON.stringify(selection),
  );
}

/** @throws RangeError in one line, with CDK's reason */
export function selectSubnets(vpc: IVpc, selection: SubnetSelection): SelectedSubnets {
  try {
    return vpc.selectSubnets(selection);
  } catch (error) {
    const reason = (error as Error).message.replace(/\.?\s*$/, '');
    throw refusal('vpcSubnets', `subnets of the vpc (${reason})`, selection);
  }
}
