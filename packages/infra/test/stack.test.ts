import * as core from '@stepcompute/core';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import aslValidator from 'asl-validator';
import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template as SynthesizedTemplate } from 'aws-cdk-lib/assertions';
import { recordedErrors, variables } from '@stepcompute/aws-adapter/wire';
import { StepCompute } from '@stepcompute/infra';
import { readCloudAssembly } from '@stepcompute/rehearsal';
import {
  synthesize,
  unbundled,
  type SynthesisContext,
  type SynthesisOptions,
  type TestAssembly,
} from '../../../testing/assembly.js';

interface Template {
  readonly Resources: Readonly<
    Record<
      string,
      { readonly Type: string; readonly Properties: Readonly<Record<string, unknown>> }
    >
  >;
  readonly Outputs: Readonly<Record<string, unknown>>;
}

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
}

const assemblies: TestAssembly[] = [];
afterAll(() => {
  for (const { remove } of assemblies) remove();
});

function synthesized(
  context: SynthesisContext,
  options?: SynthesisOptions,
): {
  readonly folder: string;
  readonly template: Template;
  readonly definition: Definition;
} {
  const assembly = synthesize(context, options);
  assemblies.push(assembly);
  const { folder } = assembly;
  const template = JSON.parse(
    readFileSync(join(folder, 'StepCompute.template.json'), 'utf8'),
  ) as Template;
  const [machine] = readCloudAssembly(folder).stateMachines;
  return { folder, template, definition: machine?.definition as Definition };
}

interface Definition {
  readonly States: Readonly<Record<string, Record<string, unknown>>>;
}

const documentRetry = {
  ErrorEquals: [
    'Lambda.ServiceException',
    'Lambda.AWSLambdaException',
    'Lambda.SdkClientException',
    'Lambda.TooManyRequestsException',
  ],
  IntervalSeconds: 2,
  MaxAttempts: 6,
  BackoffRate: 2,
};

function ofType(template: Template, type: string): [string, Readonly<Record<string, unknown>>][] {
  return Object.entries(template.Resources)
    .filter(([, { Type }]) => Type === type)
    .map(([id, { Properties }]) => [id, Properties]);
}

describe.each(['inline', 'distributed'] as const)('the stack, %s', (mode) => {
  let made: ReturnType<typeof synthesized>;
  beforeAll(() => {
    made = synthesized({ mode, ...unbundled }, { validated: true });
  });

  it('has a valid state machine: the source document’s states, one after the other', () => {
    const { isValid, errorsText } = aslValidator(made.definition, {
      checkPaths: true,
      checkArn: true,
    });
    expect(errorsText()).toBe('');
    expect(isValid).toBe(true);
    const { States } = made.definition;
    const order = ['RetrieveRunId'];
    for (
      let next = States.RetrieveRunId?.Next;
      typeof next === 'string';
      next = States[next]?.Next
    ) {
      order.push(next);
    }
    expect(order).toEqual(['RetrieveRunId', 'Map', 'Pass', 'AggregateAndStoreValue', 'Success']);
    const { ItemProcessor } = States.Map as { ItemProcessor: Definition };
    expect(Object.keys(ItemProcessor.States)).toEqual([
      ...(mode === 'inline' ? [] : ['Delay']),
      'WriteToDb',
      'WriteToDbWhenFree',
      'Failed',
      'RecordFailure',
      'RecordFailureWhenFree',
    ]);
  });

  it('records what a lost function leaves as failed, and lets what a function says fail the run', () => {
    const { ItemProcessor } = made.definition.States.Map as { ItemProcessor: Definition };
    const { WriteToDb, Failed, RecordFailure } = ItemProcessor.States;
    const catchers = [
      {
        ErrorEquals: recordedErrors,
        ResultPath: '$.error',
        Next: 'Failed',
      },
      { ErrorEquals: ['States.ALL'], ResultPath: '$.error', Next: 'RecordFailure' },
    ];
    expect(WriteToDb?.Catch).toEqual([expect.anything(), ...catchers]);
    expect(ItemProcessor.States.WriteToDbWhenFree?.Catch).toEqual(catchers);
    // A name that none of core's errors has would be caught by nobody.
    for (const name of recordedErrors) expect(core).toHaveProperty(name);
    expect(Failed).toMatchObject({
      Type: 'Fail',
      ErrorPath: '$.error.Error',
      CausePath: '$.error.Cause',
    });
    expect(RecordFailure).toMatchObject({ End: true, Retry: [documentRetry] });
  });

  it('has step 3 say why a Map has failed', () => {
    expect(made.definition.States.Map?.Catch).toEqual([
      { ErrorEquals: ['States.ALL'], ResultPath: '$.error', Next: 'AggregateAndStoreValue' },
    ]);
  });

  it('retries the invocations as the document says, and a Map not at all', () => {
    const { States } = made.definition;
    const { ItemProcessor } = States.Map as { ItemProcessor: Definition };
    const tasks = Object.entries({ ...States, ...ItemProcessor.States }).filter(
      ([name, { Type }]) => Type === 'Task' && !name.endsWith('WhenFree'),
    );
    expect(tasks).toHaveLength(4);
    for (const [, task] of tasks) expect(task.Retry).toEqual([documentRetry]);
    expect(States.Map).not.toHaveProperty('Retry');
    expect(JSON.stringify(made.definition)).not.toMatch(/JSONata|ItemBatcher|EXPRESS|Tolerated/);
  });

  it('has an invocation that is throttled for longer wait for a free function, with what it was given', () => {
    const { States } = made.definition;
    const { ItemProcessor } = States.Map as { ItemProcessor: Definition };
    for (const { States: states } of [made.definition, ItemProcessor]) {
      for (const [name, task] of Object.entries(states)) {
        if (task.Type !== 'Task' || name.endsWith('WhenFree')) continue;
        const [first] = task.Catch as object[];
        expect(first).toEqual({
          ErrorEquals: ['Lambda.TooManyRequestsException'],
          ResultPath: null,
          Next: `${name}WhenFree`,
        });
        const { Retry, Catch = [], ...whenFree } = states[`${name}WhenFree`] ?? {};
        expect(task).toMatchObject(whenFree);
        expect(Catch).toEqual((task.Catch as object[]).slice(1));
        expect(Retry).toEqual([
          {
            ErrorEquals: ['Lambda.TooManyRequestsException'],
            IntervalSeconds: 60,
            MaxAttempts: 99_999_999,
            BackoffRate: 2,
            MaxDelaySeconds: 10_800,
            JitterStrategy: 'FULL',
          },
          documentRetry,
        ]);
      }
    }
  });

  it('says to step 1 what it needs, and has the Map read what that answers', () => {
    const { RetrieveRunId, Map } = made.definition.States;
    const isInline = mode === 'inline';
    expect(RetrieveRunId?.Parameters).toMatchObject({
      Payload: {
        'executionId.$': '$$.Execution.Id',
        'input.$': '$',
        delayMs: 600_000,
        ...(isInline ? { most: { pairs: 2854 } } : { blockSize: 1000, most: { blocks: 3000 } }),
      },
    });
    expect(JSON.stringify(RetrieveRunId).includes('blockSize')).toBe(!isInline);
    const fields = isInline ? ['runId', 'iterationId'] : ['runId', 'first', 'count'];
    expect(Map).toMatchObject({
      ItemsPath: isInline ? '$.pairs' : '$.blocks',
      ItemSelector: {
        ...Object.fromEntries(fields.map((field) => [`${field}.$`, `$$.Map.Item.Value.${field}`])),
        'traceparent.$': '$.traceparent',
      },
    });
  });

  it('waits the ten minutes in the function inline, in a state distributed', () => {
    const [[, writeToDb] = ['', {}]] = ofType(made.template, 'AWS::Lambda::Function').filter(
      ([id]) => id.startsWith('WriteToDb'),
    );
    const { Environment, Timeout } = writeToDb as {
      Environment: { Variables: Record<string, unknown> };
      Timeout: number;
    };
    const { ItemProcessor } = made.definition.States.Map as { ItemProcessor: Definition };
    if (mode === 'inline') {
      expect(Environment.Variables.STEPCOMPUTE_DELAY_MS).toBe('600000');
      expect(Timeout).toBe(780);
    } else {
      expect(Environment.Variables.STEPCOMPUTE_DELAY_MS).toBe('0');
      expect(ItemProcessor.States.Delay).toMatchObject({ Type: 'Wait', Seconds: 600 });
    }
  });

  it('has its functions under their steps’ names, for Node.js 24 on arm64, with logs that end', () => {
    const functions = ofType(made.template, 'AWS::Lambda::Function').filter(
      ([id]) => !id.startsWith('AWSCDK'),
    );
    expect(functions.map(([id]) => id.replace(/[0-9A-F]{8}$/, ''))).toEqual([
      'RetrieveRunId',
      'WriteToDb',
      'RecordFailure',
      'AggregateAndStoreValue',
      'Migrate',
    ]);
    for (const [, properties] of functions) {
      expect(properties).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        TracingConfig: { Mode: 'Active' },
      });
      expect(JSON.stringify(properties.Environment)).not.toMatch(/password/i);
    }
    for (const [, properties] of ofType(made.template, 'AWS::Logs::LogGroup')) {
      expect(properties.RetentionInDays).toBe(30);
    }
  });

  it('allows each function its own database and nothing else', () => {
    for (const step of ['RetrieveRunId', 'WriteToDb', 'AggregateAndStoreValue', 'Migrate']) {
      const statements = statementsOf(made.template, `${step}Role`);
      const actions = statements.flatMap(({ Action }) => Action);
      const transactions = ['BeginTransaction', 'CommitTransaction', 'RollbackTransaction'];
      expect(actions.filter((action) => action.startsWith('rds-data:')).sort()).toEqual(
        ['ExecuteStatement', ...(step === 'Migrate' ? transactions : [])]
          .map((action) => `rds-data:${action}`)
          .sort(),
      );
      expect(actions.filter((action) => /^(?!rds-data|logs|xray)/.test(action)).sort()).toEqual([
        'secretsmanager:DescribeSecret',
        'secretsmanager:GetSecretValue',
      ]);
    }
  });

  it('has no wildcard in its rights but those with a written reason', () => {
    const wildcards = ofType(made.template, 'AWS::IAM::Policy').flatMap(
      ([id, { PolicyDocument }]) =>
        (PolicyDocument as { Statement: Statement[] }).Statement.filter(({ Action, Resource }) =>
          JSON.stringify([Action, Resource]).includes('*'),
        ).map(({ Action }) => `${id.replace(/[0-9A-F]{8}$/, '')} ${[Action].flat()[0]}`),
    );
    // X-Ray and log delivery know no resources; a function's versions and a Map's children have no names yet.
    expect(wildcards.sort()).toEqual(
      [
        'RetrieveRunIdRoleDefaultPolicy xray:PutTraceSegments',
        'WriteToDbRoleDefaultPolicy xray:PutTraceSegments',
        'RecordFailureRoleDefaultPolicy xray:PutTraceSegments',
        'StateMachineRoleDefaultPolicy lambda:InvokeFunction',
        'AggregateAndStoreValueRoleDefaultPolicy xray:PutTraceSegments',
        'MigrateRoleDefaultPolicy xray:PutTraceSegments',
        'StateMachineRoleDefaultPolicy lambda:InvokeFunction',
        'StateMachineRoleDefaultPolicy lambda:InvokeFunction',
        'StateMachineRoleDefaultPolicy lambda:InvokeFunction',
        'StateMachineRoleDefaultPolicy logs:CreateLogDelivery',
        'StateMachineRoleDefaultPolicy xray:PutTraceSegments',
        ...(mode === 'distributed'
          ? [
              'StateMachineDistributedMapPolicy states:DescribeExecution',
              'StateMachineDistributedMapPolicy states:RedriveExecution',
            ]
          : []),
      ].sort(),
    );
    const reasons = readFileSync(join(__dirname, '../src/acknowledged.ts'), 'utf8');
    for (const word of ['xray', 'versions', 'executions of this one state machine']) {
      expect(reasons).toContain(word);
    }
  });

  it('keeps its data encrypted, behind the Data API alone, with a last snapshot', () => {
    const [[, cluster] = ['', {}]] = ofType(made.template, 'AWS::RDS::DBCluster');
    expect(cluster).toMatchObject({
      StorageEncrypted: true,
      EnableHttpEndpoint: true,
      EnableIAMDatabaseAuthentication: true,
      ServerlessV2ScalingConfiguration: { MinCapacity: 0, MaxCapacity: 8 },
    });
    expect(
      Object.values(made.template.Resources).find(({ Type }) => Type === 'AWS::RDS::DBCluster'),
    ).toMatchObject({
      DeletionPolicy: 'Snapshot',
    });
    expect(ofType(made.template, 'AWS::EC2::NatGateway')).toEqual([]);
    expect(ofType(made.template, 'AWS::EC2::InternetGateway')).toEqual([]);
  });

  it('migrates before the state machine is there to be started', () => {
    const { Resources } = made.template as unknown as {
      Resources: Record<string, { Type: string; DependsOn?: string[] }>;
    };
    const machine = Object.values(Resources).find(
      ({ Type }) => Type === 'AWS::StepFunctions::StateMachine',
    );
    expect(machine?.DependsOn).toContain('MigrateTrigger');
    const dependencies = Resources.MigrateTrigger?.DependsOn ?? [];
    expect(dependencies.some((id) => id.startsWith('DatabaseClusterWriter'))).toBe(true);
  });

  it('raises an alarm on executions that failed or timed out, and tells its clients what they need', () => {
    const [[, alarm] = ['', {}]] = ofType(made.template, 'AWS::CloudWatch::Alarm');
    const metrics = (
      alarm.Metrics as { MetricStat?: { Metric: { MetricName: string } } }[]
    ).flatMap(({ MetricStat }) => MetricStat?.Metric.MetricName ?? []);
    expect(metrics.sort()).toEqual(['ExecutionsFailed', 'ExecutionsTimedOut']);
    expect(alarm).toMatchObject({ Threshold: 1, TreatMissingData: 'notBreaching' });
    expect(Object.keys(made.template.Outputs).sort()).toEqual([
      'ClusterArn',
      'DatabaseName',
      'DelayMilliseconds',
      'SecretArn',
      'StateMachineArn',
    ]);
  });
});

function stderrOf(program: () => unknown): string {
  try {
    program();
  } catch (error) {
    return String((error as { stderr: unknown }).stderr);
  }
  return '';
}

describe('clients', () => {
  let template: Template;
  beforeAll(() => {
    const app = join(__dirname, 'apps/client.mjs');
    ({ template } = synthesized(unbundled, { app, validated: true }));
  });

  /** The rights of a role: each action with what it is allowed on. */
  const rightsOf = (role: string): [string, string][] =>
    statementsOf(template, role)
      .flatMap(({ Action, Resource }) =>
        [Action].flat().map((action): [string, string] => [action, JSON.stringify(Resource)]),
      )
      .sort(([one], [other]) => one.localeCompare(other));

  it('that run the simulation may do what the orchestrator does, and nothing else', () => {
    const sources = ['step-functions-orchestrator.ts', 'state-machine-execution.ts'].map((file) =>
      readFileSync(join(__dirname, '../../aws-adapter/src', file), 'utf8'),
    );
    const commands = new Set(
      sources
        .join()
        .match(/\b(?<=new )\w+(?=Command\()/g)
        ?.map((name) => `states:${name}`),
    );
    const rights = rightsOf('Runner');
    expect(rights.map(([action]) => action)).toEqual(
      [
        ...commands,
        'cloudformation:DescribeStacks',
        'rds-data:ExecuteStatement',
        // Both are CDK's way to let somebody read a secret, with its key where it has one.
        'secretsmanager:DescribeSecret',
        'secretsmanager:GetSecretValue',
      ].sort((one, other) => one.localeCompare(other)),
    );
    for (const [action, resource] of rights) {
      expect(resource.includes('*')).toBe(
        action.startsWith('states:') && action !== 'states:StartExecution',
      );
      expect(resource).not.toBe('"*"');
    }
  });

  it('that read may follow executions, and neither start nor stop one', () => {
    expect(rightsOf('Reader').map(([action]) => action)).toEqual([
      'cloudformation:DescribeStacks',
      'rds-data:ExecuteStatement',
      'secretsmanager:DescribeSecret',
      'secretsmanager:GetSecretValue',
      'states:DescribeExecution',
      'states:GetExecutionHistory',
    ]);
  });

  it('are told of failures by whatever the alarm is given', () => {
    const [[, alarm] = ['', {}]] = ofType(template, 'AWS::CloudWatch::Alarm');
    expect(alarm.AlarmActions).toEqual([{ Ref: expect.stringMatching(/^Failures/) as string }]);
  });
});

it('the dashboard shows what there is, and is left out on demand', () => {
  const dashboards = (props: ConstructorParameters<typeof StepCompute>[2]): object[] => {
    const stack = new Stack(new App({ context: unbundled }), 'S');
    new StepCompute(stack, 'C', props);
    return Object.values(
      SynthesizedTemplate.fromStack(stack).findResources('AWS::CloudWatch::Dashboard'),
    );
  };
  expect(dashboards({ dashboard: false })).toEqual([]);
  const [dashboard] = dashboards({});
  const text = JSON.stringify(dashboard);
  for (const shown of [
    ...['ExecutionsStarted', 'ExecutionsFailed', 'ExecutionsTimedOut', 'Throttles', 'Errors'],
    ...['Duration', 'ConcurrentExecutions', 'ServerlessDatabaseCapacity', 'Iterations a second'],
  ]) {
    expect(text).toContain(shown);
  }
});

function statementsOf(template: Template, role: string): Statement[] {
  return ofType(template, 'AWS::IAM::Policy')
    .filter(([id]) => id.startsWith(role))
    .flatMap(([, { PolicyDocument }]) => (PolicyDocument as { Statement: Statement[] }).Statement);
}

it('is not synthesized with a finding of cdk-nag that nobody has acknowledged', () => {
  const folder = mkdtempSync(join(tmpdir(), 'stepcompute-nag-'));
  const forgetful = join(folder, 'forgetful.js');
  writeFileSync(
    forgetful,
    `require(${JSON.stringify(require.resolve('aws-cdk-lib'))}).Validations.prototype.acknowledge = () => {};`,
  );
  const { status } = spawnSync(
    process.execPath,
    ['--require', forgetful, join(__dirname, '../checked-app.mjs')],
    {
      env: {
        ...process.env,
        CDK_OUTDIR: join(folder, 'out'),
        CDK_CONTEXT_JSON: JSON.stringify(unbundled),
      },
      stdio: 'ignore',
    },
  );
  expect(status).toBe(1);
  const report = readFileSync(join(folder, 'out', 'validation-report.json'), 'utf8');
  for (const rule of ['IAM5', 'RDS10', 'SMG4', 'VPC7']) {
    expect(report).toContain(`AwsSolutions-${rule}`);
  }
  rmSync(folder, { recursive: true, force: true });
});

describe('the construct’s properties', () => {
  const inStack = (props: ConstructorParameters<typeof StepCompute>[2]): StepCompute =>
    new StepCompute(new Stack(new App({ context: unbundled }), 'S'), 'C', props);

  it('refuse a delay that no function can wait, and name the way out', () => {
    expect(() => inStack({ delay: Duration.minutes(13) })).toThrow(
      /15 minutes in all: use delayIn: 'state'/,
    );
    expect(() => inStack({ delay: Duration.hours(3), delayIn: 'state' })).not.toThrow();
  });

  it('refuse a delay in a state that no execution outlasts, and name the way out', () => {
    expect(() => inStack({ delay: Duration.days(7), delayIn: 'state' })).toThrow(
      /7 days in all: give it a longer timeout/,
    );
    const patient = { delay: Duration.days(364), timeout: Duration.days(365) };
    expect(() => inStack({ ...patient, delayIn: 'state' })).not.toThrow();
  });

  it.each([
    [{ retry: { attempts: 0 } }, /retry attempts must be/],
    [{ iterationTimeout: Duration.days(366) }, /iterationTimeout must leave/],
  ])('refuse what step 2 would refuse: %#', (props, refusal) => {
    expect(() => inStack(props)).toThrow(refusal);
  });

  it('tell step 2 how to try iterations again', () => {
    const construct = inStack({
      retry: { attempts: 5, backoff: Duration.seconds(1), errors: ['Busy'] },
      iterationTimeout: Duration.seconds(30),
    });
    const functions = SynthesizedTemplate.fromStack(Stack.of(construct)).findResources(
      'AWS::Lambda::Function',
    );
    const settings = Object.values(functions).flatMap((each) => {
      const { Environment } = each.Properties as {
        Environment?: { Variables?: { STEPCOMPUTE_SETTINGS?: string } };
      };
      const { STEPCOMPUTE_SETTINGS: text } = Environment?.Variables ?? {};
      return text === undefined ? [] : [JSON.parse(text) as unknown];
    });
    const expected = {
      timeoutMs: 30_000,
      retry: { attempts: 5, backoffMs: 1000, errors: ['Busy'] },
    };
    expect(settings).toEqual([expected]);
    expect(() => core.WriteToDbSettings.check(expected)).not.toThrow();
  });

  it.each([
    [{}, {}],
    [{ breakingSchema: 'false' }, {}],
    [{ breakingSchema: 'true' }, variables.breakingSchema.toEnvironment(true)],
  ])('let the migration lock out older code where the context says so: %j', (context, expected) => {
    const { template } = synthesized({ ...context, ...unbundled });
    const environments = ofType(template, 'AWS::Lambda::Function').map(
      ([id, { Environment }]): [string, object] => [
        id,
        (Environment as { Variables?: object } | undefined)?.Variables ?? {},
      ],
    );
    for (const [id, environment] of environments) {
      const told = Object.entries(environment).filter(([name]) => name.includes('BREAKING'));
      expect(Object.fromEntries(told)).toEqual(id.startsWith('Migrate') ? expected : {});
    }
  });

  it('bundle the user’s simulation into steps 1 and 2, and into no other', () => {
    const generator = join(__dirname, '../../aws-adapter/test/simulations/chosen.ts');
    const { folder, template } = synthesized({ mode: 'inline', generator });
    const holding = readCloudAssembly(folder).functions.filter(({ code }) =>
      existsSync(join(code, 'simulation.mjs')),
    );
    expect(holding.map(({ logicalId }) => logicalId)).toEqual([
      expect.stringMatching(/^RetrieveRunId/),
      expect.stringMatching(/^WriteToDb/),
    ]);
    expect(JSON.stringify(template)).not.toContain(dirname(generator));
  });

  it('leave out TypeORM’s drivers for other databases, and say so where one is used', () => {
    const { folder } = synthesized({ mode: 'inline' });
    for (const { code } of readCloudAssembly(folder).functions) {
      const bundle = readFileSync(join(code, 'index.mjs'), 'utf8');
      expect(bundle).toContain('OracleDriver is not in this function');
      expect(bundle).not.toContain('PostgresDriver is not in this function');
    }
  });

  it('refuse a simulation that is not there, in one line', () => {
    const generator = join(__dirname, 'no-such-simulation.ts');
    expect(() => synthesize({ mode: 'inline', generator })).toThrow(
      /^RangeError: generator entry must be the path of a file that is there; got .*no-such-simulation.ts$/m,
    );
  });

  it.each([
    { mode: 'both' },
    { delaySeconds: '-1' },
    { concurrency: '0' },
    { accountConcurrency: '0' },
    { breakingSchema: 'perhaps' },
    { blocksize: '500' },
  ])('are refused in one line when the context says %j', (context) => {
    const [[name, value] = []] = Object.entries(context);
    expect(stderrOf(() => synthesize(context))).toMatch(
      new RegExp(`^RangeError: context( ${name})? must be [^\\n]*; got (${name}|${value})\\n$`),
    );
  });
});
