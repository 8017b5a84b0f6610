import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  App,
  Aspects,
  CfnResource,
  Duration,
  SecretValue,
  Stack,
  Tags,
  Validations,
  type IAspect,
  type StackProps,
} from 'aws-cdk-lib';
import { FlowLogDestination, SubnetType, Vpc, type IVpc } from 'aws-cdk-lib/aws-ec2';
import {
  AccountPrincipal,
  ArnPrincipal,
  ManagedPolicy,
  PermissionsBoundary,
} from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Architecture, LayerVersion, Runtime, type CfnFunction } from 'aws-cdk-lib/aws-lambda';
import {
  AuroraPostgresEngineVersion,
  ClusterInstance,
  Credentials,
  DatabaseCluster,
  DatabaseClusterEngine,
  DatabaseInstance,
  DatabaseInstanceEngine,
  PostgresEngineVersion,
} from 'aws-cdk-lib/aws-rds';
import { Secret, type ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { AwsSolutionsChecks } from 'cdk-nag';
import {
  StepCompute,
  StepComputeDatabase,
  StepComputeStack,
  type IStepComputeDatabase,
} from '@stepcompute/infra';
import { unbundled } from '../../../testing/assembly.js';

interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
  readonly DependsOn?: readonly string[];
}

/** The resources of a stack that has passed CDK's linter and cdk-nag, by logical id. */
function resourcesOf(
  make: (stack: Stack) => unknown,
  props?: StackProps,
): Readonly<Record<string, Resource>> {
  const context = { ...unbundled, '@aws-cdk/core:validateAgainstDefaultRules': true };
  const app = new App({ context });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  const stack = new Stack(app, 'Team', props);
  make(stack);
  const { directory } = app.synth();
  const text = readFileSync(join(directory, `${stack.artifactId}.template.json`), 'utf8');
  return (JSON.parse(text) as { Resources: Record<string, Resource> }).Resources;
}

type Found = Readonly<Record<string, Resource>>;

function ofType(resources: Found, type: string): [string, Resource][] {
  return Object.entries(resources).filter(([, { Type }]) => Type === type);
}

const steps = [
  'RetrieveRunId',
  'WriteToDb',
  'RecordFailure',
  'AggregateAndStoreValue',
  'Migrate',
] as const;

/** A step's function. */
function functionOf(resources: Found, step: string): Readonly<Record<string, unknown>> {
  const [found] = ofType(resources, 'AWS::Lambda::Function').filter(([id]) => id.includes(step));
  return found?.[1].Properties ?? {};
}

function environmentOf(resources: Found, step: string): unknown {
  return (functionOf(resources, step).Environment as { Variables: unknown }).Variables;
}

/** The statements of a step's role, without those for its log and its traces. */
function statementsOf(resources: Found, step: string): unknown[] {
  return ofType(resources, 'AWS::IAM::Policy')
    .filter(([id]) => id.includes(`${step}Role`))
    .flatMap(([, { Properties }]) => {
      const { Statement } = Properties.PolicyDocument as {
        Statement: { Action: string | string[] }[];
      };
      return Statement.filter(({ Action }) => !/logs:|xray:/.test(String(Action)));
    });
}

/** CDK's class leaves undefined what its interface leaves out, which TypeScript is told here to tell apart. */
function newVpc(...parameters: ConstructorParameters<typeof Vpc>): IVpc {
  return new Vpc(...parameters) as IVpc;
}

/** CDK's own default, and a log, which cdk-nag asks for. */
function defaultVpc(stack: Stack): IVpc {
  const vpc = newVpc(stack, 'Vpc');
  vpc.addFlowLog('FlowLog', { destination: FlowLogDestination.toCloudWatchLogs() });
  return vpc;
}

const secretArn = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:team-AbCdEf';

describe('a deployment in an account that exists', () => {
  it('has its database in CDK’s default VPC, in subnets without a way in', () => {
    const resources = resourcesOf((stack) => {
      const vpc = defaultVpc(stack);
      const database = new StepComputeDatabase(stack, 'Database', { vpc });
      database.cluster.addRotationSingleUser();
      new StepCompute(stack, 'Sims', { mode: 'distributed', database });
    });
    const [[, group] = []] = ofType(resources, 'AWS::RDS::DBSubnetGroup');
    expect(group?.Properties.SubnetIds).toEqual([
      { Ref: expect.stringMatching(/^VpcPrivateSubnet1/) as string },
      { Ref: expect.stringMatching(/^VpcPrivateSubnet2/) as string },
    ]);
    for (const step of steps) expect(functionOf(resources, step)).not.toHaveProperty('VpcConfig');
  });

  it('has what a platform team asks of its database', () => {
    const resources = resourcesOf((stack) => {
      const key = new Key(stack, 'Key', { enableKeyRotation: true });
      const database = new StepComputeDatabase(stack, 'Database', {
        vpc: defaultVpc(stack),
        databaseName: 'sims',
        engine: DatabaseClusterEngine.auroraPostgres({
          version: AuroraPostgresEngineVersion.of('17.5', '17'),
        }),
        parameters: { log_min_duration_statement: '1000' },
        storageEncryptionKey: key,
        credentials: Credentials.fromGeneratedSecret('sims', { encryptionKey: key }),
        backup: { retention: Duration.days(14) },
        deletionProtection: true,
        serverlessV2MinCapacity: 0.5,
        serverlessV2MaxCapacity: 32,
        readers: [ClusterInstance.serverlessV2('Reader', { scaleWithWriter: true })],
        port: 5433,
        iamAuthentication: undefined,
      });
      database.cluster.addRotationSingleUser();
      new StepCompute(stack, 'Sims', { database });
    });
    const [[, cluster] = []] = ofType(resources, 'AWS::RDS::DBCluster');
    expect(cluster?.Properties).toMatchObject({
      EngineVersion: '17.5',
      DatabaseName: 'sims',
      BackupRetentionPeriod: 14,
      DeletionProtection: true,
      KmsKeyId: expect.anything() as unknown,
      DBClusterParameterGroupName: expect.anything() as unknown,
      Port: 5433,
      ServerlessV2ScalingConfiguration: { MinCapacity: 0.5, MaxCapacity: 32 },
      // These it does not ask for.
      EnableHttpEndpoint: true,
      EnableIAMDatabaseAuthentication: true,
      StorageEncrypted: true,
    });
    const [[, key] = []] = ofType(resources, 'AWS::KMS::Key');
    const { Statement } = key?.Properties.KeyPolicy as { Statement: object[] };
    for (const step of steps) {
      const roleId = Object.keys(resources).find((id) => id.startsWith(`Sims${step}Role`));
      expect(Statement).toContainEqual(
        expect.objectContaining({
          Action: 'kms:Decrypt',
          Principal: { AWS: { 'Fn::GetAtt': [roleId, 'Arn'] } },
        }),
      );
    }
  });

  it('works on a cluster that was imported', () => {
    const resources = resourcesOf(
      (stack) => {
        const cluster = DatabaseCluster.fromDatabaseClusterAttributes(stack, 'Cluster', {
          clusterIdentifier: 'team',
        });
        const secret = Secret.fromSecretCompleteArn(stack, 'Login', secretArn);
        const database = StepComputeDatabase.fromCluster(cluster, secret, 'sims');
        new StepCompute(stack, 'Sims', { database });
      },
      { env: { account: '123456789012', region: 'eu-central-1' } },
    );
    expect(ofType(resources, 'AWS::RDS::DBCluster')).toEqual([]);
    const cluster = {
      'Fn::Join': [
        '',
        ['arn:', { Ref: 'AWS::Partition' }, ':rds:eu-central-1:123456789012:cluster:team'],
      ],
    };
    for (const step of steps) {
      expect(environmentOf(resources, step)).toMatchObject({
        STEPCOMPUTE_CLUSTER_ARN: cluster,
        STEPCOMPUTE_SECRET_ARN: secretArn,
        STEPCOMPUTE_DATABASE: 'sims',
      });
      expect(statementsOf(resources, step)).toEqual([
        expect.objectContaining({ Resource: cluster }),
        expect.objectContaining({ Resource: secretArn }),
      ]);
    }
  });

  it('works on a cluster of the same app, and waits for it', () => {
    const resources = resourcesOf((stack) => {
      const cluster = new DatabaseCluster(stack, 'Cluster', {
        engine: DatabaseClusterEngine.auroraPostgres({
          version: AuroraPostgresEngineVersion.of('16', '16'),
        }),
        writer: ClusterInstance.serverlessV2('Writer'),
        vpc: defaultVpc(stack),
        enableDataApi: true,
        storageEncrypted: true,
        iamAuthentication: true,
        deletionProtection: true,
      });
      cluster.addRotationSingleUser();
      const database = StepComputeDatabase.fromCluster(cluster, cluster.secret!, 'sims');
      new StepCompute(stack, 'Sims', { database });
    });
    const [[, trigger] = []] = ofType(resources, 'Custom::Trigger');
    expect(trigger?.DependsOn).toContainEqual(expect.stringMatching(/^ClusterWriter/));
  });

  it('works on a server behind a proxy, by connections from within its VPC', () => {
    const resources = resourcesOf((stack) => {
      const vpc = defaultVpc(stack);
      const instance = new DatabaseInstance(stack, 'Instance', {
        engine: DatabaseInstanceEngine.postgres({ version: PostgresEngineVersion.of('16', '16') }),
        vpc,
        credentials: Credentials.fromGeneratedSecret('sims'),
        storageEncrypted: true,
        multiAz: true,
        deletionProtection: true,
        port: 5433,
      });
      instance.addRotationSingleUser();
      const secret = instance.secret!;
      const proxy = instance.addProxy('Proxy', { secrets: [secret], vpc });
      const database = StepComputeDatabase.fromPostgres({
        host: proxy.endpoint,
        secret,
        databaseName: 'team',
        schema: 'sims',
        vpc,
        server: proxy,
      });
      new StepCompute(stack, 'Sims', { database });
    });
    const [[groupId] = []] = ofType(resources, 'AWS::EC2::SecurityGroup').filter(([id]) =>
      id.startsWith('Sims'),
    );
    const group = { 'Fn::GetAtt': [groupId, 'GroupId'] };
    const secret = { Ref: expect.stringMatching(/^InstanceSecretAttachment/) as string };
    for (const step of steps) {
      expect(environmentOf(resources, step)).toMatchObject({
        STEPCOMPUTE_HOST: { 'Fn::GetAtt': [expect.stringMatching(/^InstanceProxy/), 'Endpoint'] },
        STEPCOMPUTE_PORT: '5432',
        STEPCOMPUTE_SECRET_ARN: secret,
        STEPCOMPUTE_DATABASE: 'team',
        STEPCOMPUTE_SCHEMA: 'sims',
        NODE_EXTRA_CA_CERTS: '/var/runtime/ca-cert.pem',
      });
      expect(functionOf(resources, step).VpcConfig).toEqual({
        SecurityGroupIds: [group],
        SubnetIds: [
          { Ref: expect.stringMatching(/^VpcPrivateSubnet1/) as string },
          { Ref: expect.stringMatching(/^VpcPrivateSubnet2/) as string },
        ],
      });
      expect(statementsOf(resources, step)).toEqual([
        expect.objectContaining({ Resource: secret }),
        expect.objectContaining({
          Action: expect.arrayContaining(['ec2:CreateNetworkInterface']) as unknown,
        }),
      ]);
    }
    const [[rule] = []] = ofType(resources, 'AWS::EC2::SecurityGroupIngress').filter(
      ([, { Properties }]) =>
        JSON.stringify(Properties.SourceSecurityGroupId) === JSON.stringify(group),
    );
    const [[, trigger] = []] = ofType(resources, 'Custom::Trigger');
    expect(trigger?.DependsOn).toEqual(
      expect.arrayContaining([rule, expect.stringMatching(/^InstanceProxyProxyTargetGroup/)]),
    );
  });

  it('is let in where the port is known at deployment alone, and by a secret’s name', () => {
    const resources = resourcesOf((stack) => {
      const vpc = defaultVpc(stack);
      const instance = new DatabaseInstance(stack, 'Instance', {
        engine: DatabaseInstanceEngine.postgres({ version: PostgresEngineVersion.of('16', '16') }),
        vpc,
        storageEncrypted: true,
        multiAz: true,
        deletionProtection: true,
        port: 5433,
      });
      instance.addRotationSingleUser();
      const database = StepComputeDatabase.fromPostgres({
        host: instance.instanceEndpoint.hostname,
        port: instance.instanceEndpoint.port,
        secret: Secret.fromSecretNameV2(stack, 'Login', 'team/sims'),
        databaseName: 'team',
        vpc,
        server: instance,
      });
      new StepCompute(stack, 'Sims', { database });
    });
    const port = { 'Fn::GetAtt': [expect.stringMatching(/^Instance/), 'Endpoint.Port'] };
    expect(environmentOf(resources, 'WriteToDb')).toMatchObject({ STEPCOMPUTE_PORT: port });
    const rules = ofType(resources, 'AWS::EC2::SecurityGroupIngress').filter(
      ([, { Properties }]) => Properties.Description === 'Functions of StepCompute',
    );
    expect(rules).toEqual([
      [
        expect.anything(),
        expect.objectContaining({
          Properties: expect.objectContaining({ FromPort: port, ToPort: port }) as unknown,
        }),
      ],
    ]);
    // Secrets Manager ends a secret's ARN with six characters that its name does not tell.
    expect(JSON.stringify(statementsOf(resources, 'WriteToDb'))).toContain('team/sims-??????');
  });

  it('has all roles within a boundary, its tags everywhere, and lets everything be changed', () => {
    const policy = 'arn:aws:iam::123456789012:policy/boundary';
    let aliases = 0;
    const countFunctions: IAspect = {
      visit: (node) => {
        if (CfnResource.isCfnResource(node) && node.cfnResourceType === 'AWS::Lambda::Function')
          aliases += 1;
      },
    };
    const resources = resourcesOf(
      (stack) => {
        PermissionsBoundary.of(stack).apply(
          ManagedPolicy.fromManagedPolicyArn(stack, 'Boundary', policy),
        );
        Tags.of(stack).add('team', 'risk');
        Aspects.of(stack).add(countFunctions);
        const sims = new StepCompute(stack, 'Sims', { mode: 'distributed' });
        (sims.aggregateAndStoreValue.node.defaultChild as CfnFunction).memorySize = 512;
        (sims.stateMachine.node.defaultChild as CfnResource).addPropertyOverride(
          'StateMachineName',
          'sims',
        );
      },
      { env: { account: '123456789012', region: 'eu-central-1' } },
    );
    const roles = ofType(resources, 'AWS::IAM::Role');
    expect(roles.length).toBeGreaterThan(6);
    for (const [, { Properties }] of roles) expect(Properties.PermissionsBoundary).toBe(policy);
    expect(aliases).toBe(6);
    expect(functionOf(resources, 'AggregateAndStoreValue').MemorySize).toBe(512);
    const tag = { Key: 'team', Value: 'risk' };
    for (const type of [
      'AWS::Lambda::Function',
      'AWS::RDS::DBCluster',
      'AWS::StepFunctions::StateMachine',
      'AWS::Logs::LogGroup',
    ]) {
      for (const [id, { Properties }] of ofType(resources, type)) {
        // The function of CDK's that calls Migrate is a bare resource, which no tag reaches.
        if (!id.startsWith('AWSCDK')) expect(Properties.Tags).toContainEqual(tag);
      }
    }
    const [[, machine] = []] = ofType(resources, 'AWS::StepFunctions::StateMachine');
    expect(machine?.Properties.StateMachineName).toBe('sims');
  });

  it.each(['inline', 'distributed'] as const)(
    'starts no more than ten functions at a time in an account of ten, and reserves none: %s',
    (mode) => {
      const resources = resourcesOf(
        (stack) => new StepCompute(stack, 'Sims', { mode, accountConcurrency: 10 }),
      );
      const [[, machine] = []] = ofType(resources, 'AWS::StepFunctions::StateMachine');
      const definition = JSON.stringify(machine?.Properties.DefinitionString);
      expect(definition.match(/MaxConcurrency\W+\d+/g)).toEqual([
        expect.stringMatching(/\D10$/) as unknown,
      ]);
      for (const step of steps) {
        expect(functionOf(resources, step)).not.toHaveProperty('ReservedConcurrentExecutions');
      }
    },
  );

  it('keeps no log for ever, and waits for no answer for an hour', () => {
    const resources = resourcesOf((stack) => new StepCompute(stack, 'Sims'));
    const logs = ofType(resources, 'AWS::Logs::LogGroup');
    for (const [, { Properties }] of logs) expect(Properties.RetentionInDays).toBe(30);
    const functions = ofType(resources, 'AWS::Lambda::Function');
    for (const [, { Properties }] of functions) {
      const { LogGroup } = Properties.LoggingConfig as { LogGroup: { Ref: string } };
      expect(logs.map(([id]) => id)).toContain(LogGroup.Ref);
    }
    const [[, trigger] = []] = ofType(resources, 'Custom::Trigger');
    expect(trigger?.Properties).toMatchObject({ Timeout: '180000', ServiceTimeout: 360 });
  });
});

describe('what a simulation needs', () => {
  it('comes to the two functions that have it, and to no other', () => {
    const resources = resourcesOf((stack) => {
      const vpc = defaultVpc(stack);
      const feed = Secret.fromSecretCompleteArn(stack, 'Feed', secretArn);
      const layerArn = 'arn:aws:lambda:eu-central-1:123456789012:layer:tables:3';
      const layer = LayerVersion.fromLayerVersionArn(stack, 'Layer', layerArn);
      const { simulationFunctions } = new StepCompute(stack, 'Sims', {
        environment: { FEED: feed.secretArn },
        layers: [layer],
        architecture: Architecture.X86_64,
        memorySize: 1024,
        vpc,
      });
      for (const each of simulationFunctions) feed.grantRead(each);
    });
    for (const step of steps) {
      const hasIt = step === 'RetrieveRunId' || step === 'WriteToDb';
      expect(functionOf(resources, step)).toMatchObject({
        Architectures: ['x86_64'],
        MemorySize: hasIt ? 1024 : 256,
      });
      for (const property of ['Layers', 'VpcConfig']) {
        expect(property in functionOf(resources, step)).toBe(hasIt);
      }
      expect(JSON.stringify(environmentOf(resources, step)).includes('FEED')).toBe(hasIt);
      expect(JSON.stringify(statementsOf(resources, step)).includes(secretArn)).toBe(hasIt);
    }
  });
});

describe('a wrong property is refused in one line that says what would be right', () => {
  const inStack = (make: (stack: Stack) => void): (() => void) => {
    return () => make(new Stack(new App({ context: unbundled }), 'Team'));
  };
  const secretOf = (stack: Stack): ISecret =>
    Secret.fromSecretCompleteArn(stack, 'Login', secretArn);
  const subnetsOf = (stack: Stack, subnetType: SubnetType): IVpc =>
    newVpc(stack, `${subnetType}Vpc`, {
      natGateways: 0,
      subnetConfiguration: [{ name: 'All', subnetType }],
    });
  const postgres = (
    stack: Stack,
    props: Partial<Parameters<typeof StepComputeDatabase.fromPostgres>[0]>,
  ): IStepComputeDatabase =>
    StepComputeDatabase.fromPostgres({
      host: 'db.internal',
      secret: secretOf(stack),
      databaseName: 'sims',
      vpc: Vpc.fromVpcAttributes(stack, 'Vpc', {
        vpcId: 'vpc-1',
        availabilityZones: ['a', 'b'],
        privateSubnetIds: ['subnet-1', 'subnet-2'],
      }),
      ...props,
    });

  const wrong: readonly [string, (stack: Stack) => void][] = [
    [
      'memorySize must be an integer from 128 to 10240, in MiB; got 64',
      (stack) => new StepCompute(stack, 'Sims', { memorySize: 64 }),
    ],
    [
      'environment must be of names that Lambda takes; got AWS_REGION',
      (stack) => new StepCompute(stack, 'Sims', { environment: { AWS_REGION: 'eu-west-1' } }),
    ],
    [
      'environment must be of names that Lambda takes; got MY-TABLE',
      (stack) => new StepCompute(stack, 'Sims', { environment: { 'MY-TABLE': 'a' } }),
    ],
    [
      'environment must be of names without STEPCOMPUTE_, which the constructs set; got STEPCOMPUTE_HOST',
      (stack) => new StepCompute(stack, 'Sims', { environment: { STEPCOMPUTE_HOST: 'a' } }),
    ],
    [
      'environment LIMIT must be a text; got number',
      (stack) => new StepCompute(stack, 'Sims', { environment: { LIMIT: 7 as unknown as string } }),
    ],
    [
      'layers must be at most 5; got 6',
      (stack) => {
        const arn = 'arn:aws:lambda:eu-central-1:123456789012:layer:tables:3';
        const layer = LayerVersion.fromLayerVersionArn(stack, 'Layer', arn);
        new StepCompute(stack, 'Sims', { layers: Array.from({ length: 6 }, () => layer) });
      },
    ],
    [
      'generator must be an object; got src/pricing.ts',
      (stack) =>
        new StepCompute(stack, 'Sims', {
          generator: 'src/pricing.ts' as unknown as { entry: string },
        }),
    ],
    [
      'environment must be of at most 4096 bytes, names and values; got 4097',
      (stack) => new StepCompute(stack, 'Sims', { environment: { TABLE: 'x'.repeat(4092) } }),
    ],
    [
      `generator entry must be the path of a file that is there; got ${resolve('nowhere.ts')}`,
      (stack) => new StepCompute(stack, 'Sims', { generator: { entry: 'nowhere.ts' } }),
    ],
    [
      'layers must be LayerVersions, whose ARNs end with :layer:NAME:VERSION; got tables',
      (stack) => {
        const layer = LayerVersion.fromLayerVersionArn(stack, 'Layer', 'tables');
        new StepCompute(stack, 'Sims', { layers: [layer] });
      },
    ],
    [
      'runtime must be a Runtime of Node.js 20 or later; got python3.12',
      (stack) => new StepCompute(stack, 'Sims', { runtime: Runtime.PYTHON_3_12 }),
    ],
    [
      'writeTimeout must be whole seconds; got 400500 ms',
      (stack) => {
        const writeTimeout = Duration.millis(400_500);
        new StepCompute(stack, 'Sims', { delay: Duration.seconds(1), writeTimeout });
      },
    ],
    [
      'delay in a state must be whole seconds; got 1500 ms',
      (stack) => {
        const delay = Duration.millis(1500);
        new StepCompute(stack, 'Sims', { mode: 'distributed', delay });
      },
    ],
    [
      'databaseName must be a letter and up to 62 letters, digits and _; got my-sims',
      (stack) => new StepComputeDatabase(stack, 'D', { databaseName: 'my-sims' }),
    ],
    [
      'databaseName must be 1 to 63 letters, digits, _ and -; got my sims',
      (stack) => postgres(stack, { databaseName: 'my sims' }),
    ],
    [
      'engine must be DatabaseClusterEngine.auroraPostgres({ … }); got AuroraMysqlClusterEngine',
      (stack) =>
        new StepComputeDatabase(stack, 'D', { engine: DatabaseClusterEngine.AURORA_MYSQL }),
    ],
    [
      'cluster must be a DatabaseCluster, as DatabaseCluster.fromDatabaseClusterAttributes has one by its identifier; got arn:aws:rds:eu-central-1:123456789012:cluster:team',
      (stack) => {
        const cluster = DatabaseCluster.fromDatabaseClusterAttributes(stack, 'Cluster', {
          clusterIdentifier: 'arn:aws:rds:eu-central-1:123456789012:cluster:team',
        });
        StepComputeDatabase.fromCluster(cluster, secretOf(stack), 'sims');
      },
    ],
    [
      'vpcSubnets must be subnets of the vpc (There are no subnet groups with name \'Team\' in this VPC. Available names: Private); got {"subnetGroupName":"Team"}',
      (stack) => {
        const database = postgres(stack, { vpcSubnets: { subnetGroupName: 'Team' } });
        new StepCompute(stack, 'Sims', { database });
      },
    ],
    [
      'grantee must be a role, a user, a group, or what has a role; got ArnPrincipal',
      (stack) =>
        new StepCompute(stack, 'Sims').grantRun(
          new ArnPrincipal('arn:aws:iam::123456789012:role/service'),
        ),
    ],
    [
      'grantee must be a role, a user, a group, or what has a role; got AccountPrincipal',
      (stack) => new StepCompute(stack, 'Sims').grantRead(new AccountPrincipal('123456789012')),
    ],
    [
      'credentials must be kept in a secret; got a password in the template',
      (stack) =>
        new StepComputeDatabase(stack, 'D', {
          credentials: Credentials.fromPassword('sims', SecretValue.unsafePlainText('hush')),
        }),
    ],
    [
      'vpc must be one with isolated or private subnets, or come with vpcSubnets; got Team/PublicVpc',
      (stack) => new StepComputeDatabase(stack, 'D', { vpc: subnetsOf(stack, SubnetType.PUBLIC) }),
    ],
    [
      'vpcSubnets must be subnets of two availability zones at least; got dummy1a',
      (stack) => {
        const vpc = newVpc(stack, 'Vpc', { availabilityZones: ['dummy1a'] });
        new StepComputeDatabase(stack, 'D', { vpc });
      },
    ],
    [
      'cluster must be one of aurora-postgresql; got aurora-mysql',
      (stack) => {
        const cluster = DatabaseCluster.fromDatabaseClusterAttributes(stack, 'Cluster', {
          clusterIdentifier: 'team',
          engine: DatabaseClusterEngine.AURORA_MYSQL,
        });
        StepComputeDatabase.fromCluster(cluster, secretOf(stack), 'sims');
      },
    ],
    [
      'cluster must be one with enableDataApi: true; got Team/Cluster',
      (stack) => {
        const cluster = new DatabaseCluster(stack, 'Cluster', {
          engine: DatabaseClusterEngine.auroraPostgres({
            version: AuroraPostgresEngineVersion.of('16', '16'),
          }),
          writer: ClusterInstance.serverlessV2('Writer'),
          vpc: newVpc(stack, 'Vpc'),
        });
        StepComputeDatabase.fromCluster(cluster, secretOf(stack), 'sims');
      },
    ],
    [
      'host must be the name of a server, without a scheme and a port; got postgres://db:5432/sims',
      (stack) => postgres(stack, { host: 'postgres://db:5432/sims' }),
    ],
    [
      'port must be an integer from 1 to 65535; got 70000',
      (stack) => postgres(stack, { port: 70_000 }),
    ],
    [
      'schema must be a name of 1 to 63 characters without . and "; got team.sims',
      (stack) => postgres(stack, { schema: 'team.sims' }),
    ],
    [
      'vpcSubnets must be private: a function in a public subnet has no way out; got {"subnetType":"Public"}',
      (stack) => {
        const vpc = newVpc(stack, 'Own');
        const database = postgres(stack, { vpc, vpcSubnets: { subnetType: SubnetType.PUBLIC } });
        new StepCompute(stack, 'Sims', { database });
      },
    ],
    [
      'vpc must be one with private or isolated subnets, or come with vpcSubnets; got Team/PublicVpc',
      (stack) => new StepCompute(stack, 'Sims', { vpc: subnetsOf(stack, SubnetType.PUBLIC) }),
    ],
    [
      'vpc must be one for the functions and their databases; got Team/Own and Team/Vpc',
      (stack) => {
        const vpc = newVpc(stack, 'Own');
        new StepCompute(stack, 'Sims', { database: postgres(stack, {}), vpc });
      },
    ],
    [
      'vpcSubnets must come with the vpc that they are in; got no vpc',
      (stack) =>
        new StepCompute(stack, 'Sims', {
          vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
        }),
    ],
  ];
  it.each(wrong)('%s', (message, make) => {
    expect(inStack(make)).toThrow(new RangeError(message));
  });

  /** What TypeScript would not let through, as an app in JavaScript gives it. */
  const ofAnotherType: readonly [string, object][] = [
    ['properties must be among', { blocksize: 500 }],
    ['mode must be inline or distributed; got Inline', { mode: 'Inline' }],
    ['delayIn must be function or state; got lambda', { delayIn: 'lambda' }],
    ['delay must be a Duration, as Duration.minutes(10); got 600', { delay: 600 }],
    ['timeout must be a Duration, as Duration.minutes(10); got 1h', { timeout: '1h' }],
    ['concurrency must be a number; got the text 10', { concurrency: '10' }],
    ['memorySize must be a number; got the text 512', { memorySize: '512' }],
    ['retry must be an object; got 3', { retry: 3 }],
    ['retry attempts must be a number; got nothing', { retry: {} }],
    ['retry backoff must be a Duration', { retry: { attempts: 2, backoff: 100 } }],
    ['retry properties must be among attempts, backoff,', { retry: { attempts: 2, backof: 1 } }],
    [
      'generator files must be a list; got data',
      { generator: { entry: __filename, files: 'data' } },
    ],
    ['environment must be an object of texts; got a list', { environment: ['HUSH=1'] }],
    ['environment must be an object of texts; got string', { environment: 'HUSH=1' }],
    ['layers must be a list; got tables', { layers: 'tables' }],
    ['architecture must be Architecture.ARM_64 or', { architecture: 'x86_64' }],
    ['runtime must be a Runtime of Node.js 20 or later; got nodejs22.x', { runtime: 'nodejs22.x' }],
    ['logRetention must be one of RetentionDays; got 2', { logRetention: 2 }],
    ['database must be a StepComputeDatabase, or', { database: 'arn:aws:rds:…' }],
    ['averagesDatabase must be a StepComputeDatabase, or', { averagesDatabase: {} }],
    ['dashboard must be true or false; got no', { dashboard: 'no' }],
    ['breakingSchema must be true or false; got yes', { breakingSchema: 'yes' }],
    ['vpc must be a Vpc, as Vpc.fromLookup finds one; got vpc-1', { vpc: 'vpc-1' }],
    ['vpcSubnets must be an object; got ["subnet-1"]', { vpcSubnets: ['subnet-1'] }],
    ['securityGroups must be SecurityGroups, as', { securityGroups: ['sg-1'] }],
  ];
  it.each(ofAnotherType)('%s … of a workflow, and of a stack', (message, props) => {
    expect(inStack((stack) => new StepCompute(stack, 'Sims', props))).toThrow(message);
    const app = new App({ context: unbundled });
    expect(() => new StepComputeStack(app, 'Sims', { description: 'd', ...props })).toThrow(
      message,
    );
  });

  it.each<[string, object]>([
    ['host must be a text; got nothing', { host: undefined }],
    ['port must be a number; got the text 5432', { port: '5432' }],
    ['secret must be a Secret, as', { secret: secretArn }],
    ['secret must be a Secret, as', { secret: undefined }],
    ['databaseName must be 1 to 63 letters', { databaseName: undefined }],
    ['schema must be a text; got 5', { schema: 5 }],
    ['vpc must be a Vpc, as', { vpc: undefined }],
    ['server must be a server or a proxy with connections; got db', { server: 'db' }],
    ['properties must be among host, port,', { database: 'sims' }],
  ])('%s … of a server', (message, props) => {
    expect(inStack((stack) => postgres(stack, props))).toThrow(message);
  });

  it.each<[string, object]>([
    ['vpc must be a Vpc, as', { vpc: 'vpc-1' }],
    ['storageEncryptionKey must be a Key, as', { storageEncryptionKey: 'arn:aws:kms:…' }],
    ['credentials must be Credentials, as', { credentials: 'sims' }],
    ['engine must be DatabaseClusterEngine', { engine: '16' }],
    ['parameterGroup must be a ParameterGroup; got default', { parameterGroup: 'default' }],
    ['subnetGroup must be a SubnetGroup; got default', { subnetGroup: 'default' }],
    ['enableDataApi must be left out', { enableDataApi: false }],
    ['defaultDatabaseName must be left out', { defaultDatabaseName: 'sims' }],
  ])('%s … of a new database', (message, props) => {
    expect(inStack((stack) => new StepComputeDatabase(stack, 'D', props))).toThrow(message);
  });

  it('an argument of another type', () => {
    const fromCluster = (cluster: unknown, secret: unknown): (() => void) =>
      inStack((stack) => {
        const given = secret === undefined ? secretOf(stack) : secret;
        StepComputeDatabase.fromCluster(cluster as never, given as never, 'sims');
      });
    expect(fromCluster('team', undefined)).toThrow('cluster must be a DatabaseCluster, as');
    expect(fromCluster({ clusterIdentifier: 'team' }, secretArn)).toThrow(
      'secret must be a Secret, as',
    );
    const role = 'arn:aws:iam::123456789012:role/service';
    for (const grant of ['grantRun', 'grantRead'] as const) {
      expect(inStack((stack) => new StepCompute(stack, 'Sims')[grant](role as never))).toThrow(
        `grantee must be a role, a user, a group, or what has a role, as Role.fromRoleArn has one; got ${role}`,
      );
    }
  });
});
