import type { ClusterDefinition } from './assembly.js';
import type { Costs } from './costs.js';
import { Deployment, type DatabaseServer } from './deployment.js';
import type { RehearsalProps } from './rehearsal-props.js';

/** AWS on the desk: Step Functions, Lambda and the RDS Data API on one loopback port. */
export class Rehearsal {
  /** The state machines, by logical id. */
  readonly stateMachines: Readonly<Record<string, string>>;
  /** The names of the functions: their logical ids, unless the template names them. */
  readonly functionNames: readonly string[];
  /** The clusters of the templates, and those that functions are told the ARNs of. */
  readonly clusters: readonly ClusterDefinition[];

  /** Ways to the databases that functions connect to, for a driver of one's own. */
  readonly databaseServers: readonly DatabaseServer[];

  private constructor(
    readonly endpoint: string,
    private readonly deployment: Deployment,
  ) {
    const { assembly } = deployment;
    this.stateMachines = Object.fromEntries(
      assembly.stateMachines.map(({ logicalId, arn }) => [logicalId, arn]),
    );
    this.functionNames = assembly.functions.map(({ name }) => name);
    this.clusters = assembly.clusters;
    this.databaseServers = deployment.servers;
  }

  /**
   * Deploys the assembly: checks that all of it can be rehearsed, and calls what a deployment calls.
   * @throws InvalidAssemblyError when the folder is no assembly, or a file of it is gone
   * @throws UnsupportedError naming what can't be
   * @throws RangeError when a property is out of range, or there is no such property
   * @example
   * const rehearsal = await Rehearsal.start({ assembly: 'cdk.out', timeScale: 60_000 });
   * Object.assign(process.env, rehearsal.environment); // the AWS SDK calls it from now on
   * await rehearsal.close();
   */
  static async start(props: RehearsalProps): Promise<Rehearsal> {
    const deployment = new Deployment(props);
    try {
      const endpoint = await deployment.open();
      await deployment.deploy();
      return new Rehearsal(endpoint, deployment);
    } catch (error) {
      await deployment.close();
      throw error;
    }
  }

  /** Variables with which a process calls this instead of AWS. */
  get environment(): Readonly<Record<string, string>> {
    return this.deployment.environment;
  }

  /** Counted from the end of the deployment until now. */
  costs(): Costs {
    return this.deployment.costs();
  }

  /** How many transactions of the Data API are open. */
  get openTransactions(): number {
    return this.deployment.rdsData?.openTransactions ?? 0;
  }

  /** Ends executions, functions, database and server. */
  close(): Promise<void> {
    return this.deployment.close();
  }
}
