import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  ListMapRunsCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
  type DescribeExecutionCommandOutput,
  type HistoryEvent,
} from '@aws-sdk/client-sfn';
// Built, since a function's process begins with a file of it.
import { Rehearsal, UnsupportedError } from '@stepcompute/rehearsal';
import { invoke, writeAssembly, type Assembly } from './assembly.js';

const functions = {
  Echo: { code: 'exports.handler = async (event) => event;' },
  Double: { code: 'exports.handler = async (n) => n * 2;' },
  Fail: {
    code: 'exports.handler = async (n) => { if (n === 3) { const e = new Error("no 3"); e.name = "NoThree"; throw e; } return n; };',
  },
  Hang: { code: 'exports.handler = () => new Promise(() => { setInterval(() => {}, 1000); });' },
  Exit: { code: 'exports.handler = () => process.exit(3);' },
  Late: {
    code: 'exports.handler = () => new Promise(() => { setInterval(() => {}, 1000); });',
    timeoutSeconds: 1,
  },
  Environment: {
    code: 'exports.handler = async (_, context) => ({ env: process.env, context });',
    environment: { DELAY_MS: '600000', NAME: { Ref: 'AWS::Region' } },
  },
  Large: { code: 'exports.handler = async () => "x".repeat(300000);' },
  Broken: { code: 'throw new TypeError("on load");' },
  Callback: { code: 'exports.handler = (event, _, callback) => callback(null, event.n + 1);' },
};

const inline = {
  StartAt: 'Map',
  States: {
    Map: {
      Type: 'Map',
      ItemsPath: '$.items',
      ResultPath: '$.doubled',
      MaxConcurrency: 40,
      ItemSelector: {
        'value.$': '$$.Map.Item.Value',
        'index.$': '$$.Map.Item.Index',
        'all.$': '$.items',
      },
      ItemProcessor: {
        ProcessorConfig: { Mode: 'INLINE' },
        StartAt: 'Echo',
        States: { Echo: invoke('Echo', { End: true }) },
      },
      Next: 'Pass',
    },
    Pass: { Type: 'Pass', Next: 'Done' },
    Done: { Type: 'Succeed' },
  },
};

const distributed = (functionId: string) => ({
  StartAt: 'Map',
  States: {
    Map: {
      Type: 'Map',
      ItemsPath: '$.items',
      ResultPath: null,
      MaxConcurrency: 2,
      ItemProcessor: {
        ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
        StartAt: 'Delay',
        States: {
          Delay: { Type: 'Wait', Seconds: 600, Next: 'Work' },
          Work: invoke(functionId, { End: true }),
        },
      },
      Next: 'Done',
    },
    Done: { Type: 'Succeed' },
  },
});

const one = (functionId: string) => ({
  StartAt: 'Work',
  States: { Work: invoke(functionId, { End: true }) },
});

const machines = {
  Inline: inline,
  Distributed: distributed('Double'),
  DistributedFailing: distributed('Fail'),
  InlineFailing: {
    StartAt: 'Map',
    States: {
      Map: {
        Type: 'Map',
        MaxConcurrency: 1,
        ItemProcessor: {
          StartAt: 'Fail',
          States: { Fail: invoke('Fail', { End: true }) },
        },
        End: true,
      },
    },
  },
  Ids: {
    StartAt: 'Ids',
    States: { Ids: { Type: 'Pass', Parameters: { 'id.$': '$$.Execution.Id' }, End: true } },
  },
  HangMachine: one('Hang'),
  ExitMachine: one('Exit'),
  LateMachine: one('Late'),
  LargeMachine: one('Large'),
  EchoMachine: one('Echo'),
  BrokenMachine: one('Broken'),
};

let assembly: Assembly;
let rehearsal: Rehearsal;
let sfn: SFNClient;
let lambda: LambdaClient;

function clientsOf(started: Rehearsal): { sfn: SFNClient; lambda: LambdaClient } {
  const config = {
    endpoint: started.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
  };
  return { sfn: new SFNClient(config), lambda: new LambdaClient(config) };
}

beforeAll(async () => {
  assembly = writeAssembly({ functions, machines });
  rehearsal = await Rehearsal.start({
    assembly: assembly.folder,
    timeScale: 60_000,
    scaledVariables: ['DELAY_MS'],
  });
  ({ sfn, lambda } = clientsOf(rehearsal));
});
afterAll(async () => {
  await rehearsal.close();
  assembly.remove();
});

async function startExecution(
  machine: string,
  input: unknown,
  client = sfn,
  of = rehearsal,
): Promise<string> {
  const { executionArn = '' } = await client.send(
    new StartExecutionCommand({
      stateMachineArn: of.stateMachines[machine],
      input: JSON.stringify(input),
    }),
  );
  return executionArn;
}

async function toTheEnd(
  executionArn: string,
  client = sfn,
): Promise<DescribeExecutionCommandOutput> {
  for (;;) {
    const described = await client.send(new DescribeExecutionCommand({ executionArn }));
    if (described.status !== 'RUNNING') return described;
  }
}

async function run(machine: string, input: unknown): Promise<DescribeExecutionCommandOutput> {
  return toTheEnd(await startExecution(machine, input));
}

async function historyOf(executionArn: string | undefined): Promise<HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  let nextToken: string | undefined;
  do {
    const page = await sfn.send(
      new GetExecutionHistoryCommand({
        executionArn,
        maxResults: 7,
        ...(nextToken && { nextToken }),
      }),
    );
    events.push(...(page.events ?? []));
    ({ nextToken } = page);
  } while (nextToken !== undefined);
  return events;
}

describe('a state machine', () => {
  it('runs an inline Map, whose history has seven events for each item', async () => {
    const described = await run('Inline', { items: [5, 6, 7] });
    expect(described.status).toBe('SUCCEEDED');
    expect(JSON.parse(described.output ?? '')).toEqual({
      items: [5, 6, 7],
      doubled: [5, 6, 7].map((value, index) => ({ value, index, all: [5, 6, 7] })),
    });
    const events = await historyOf(described.executionArn);
    expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1));
    const count = (type: string): number => events.filter((event) => event.type === type).length;
    for (const type of [
      'MapIterationStarted',
      'TaskStateEntered',
      'TaskScheduled',
      'TaskStarted',
      'TaskSucceeded',
      'TaskStateExited',
      'MapIterationSucceeded',
    ]) {
      expect([type, count(type)]).toEqual([type, 3]);
    }
    expect(
      events
        .filter(({ type }) => !type?.includes('Task') && !type?.includes('Iteration'))
        .map(({ type }) => type),
    ).toEqual([
      'ExecutionStarted',
      'MapStateEntered',
      'MapStateStarted',
      'MapStateSucceeded',
      'MapStateExited',
      'PassStateEntered',
      'PassStateExited',
      'SucceedStateEntered',
      'SucceedStateExited',
      'ExecutionSucceeded',
    ]);
    for (const { id = 0, previousEventId = 0 } of events) expect(previousEventId).toBeLessThan(id);
  });

  it('runs a Distributed Map as executions of their own', async () => {
    const described = await run('Distributed', { items: [1, 2, 3] });
    expect(described).toMatchObject({ status: 'SUCCEEDED', output: '{"items":[1,2,3]}' });
    const { executionArn } = described;
    const { mapRuns = [] } = await sfn.send(new ListMapRunsCommand({ executionArn }));
    const [mapRun] = mapRuns;
    const mapRunArn = mapRun?.mapRunArn;
    expect(await sfn.send(new DescribeMapRunCommand({ mapRunArn }))).toMatchObject({
      status: 'SUCCEEDED',
      maxConcurrency: 2,
      itemCounts: { total: 3, succeeded: 3, failed: 0, pending: 0 },
    });
    const { executions = [] } = await sfn.send(new ListExecutionsCommand({ mapRunArn }));
    const children = await Promise.all(
      executions.map(({ executionArn: arn }) => toTheEnd(arn ?? '')),
    );
    expect(children.map(({ output }) => output).sort()).toEqual(['2', '4', '6']);
    expect((await historyOf(executions[0]?.executionArn)).map(({ type }) => type)).toEqual([
      'ExecutionStarted',
      'WaitStateEntered',
      'WaitStateExited',
      'TaskStateEntered',
      'TaskScheduled',
      'TaskStarted',
      'TaskSucceeded',
      'TaskStateExited',
      'ExecutionSucceeded',
    ]);
    expect((await historyOf(executionArn)).map(({ type }) => type)).toEqual([
      'ExecutionStarted',
      'MapStateEntered',
      'MapStateStarted',
      'MapRunStarted',
      'MapRunSucceeded',
      'MapStateSucceeded',
      'MapStateExited',
      'SucceedStateEntered',
      'SucceedStateExited',
      'ExecutionSucceeded',
    ]);
  });

  it('fails with the function’s own error, at once where no retrier names it', async () => {
    const described = await run('InlineFailing', [1, 2, 3, 4]);
    expect(described).toMatchObject({ status: 'FAILED', error: 'NoThree' });
    expect(JSON.parse(described.cause ?? '')).toMatchObject({
      errorType: 'NoThree',
      errorMessage: 'no 3',
    });
    const types = (await historyOf(described.executionArn)).map(({ type }) => type);
    expect(types.filter((type) => type === 'TaskFailed')).toHaveLength(1);
    expect(types.filter((type) => type === 'MapIterationStarted')).toHaveLength(3);
    expect(types.at(-1)).toBe('ExecutionFailed');
  });

  it('fails a Distributed Map when a child fails, and starts no more', async () => {
    const { executionArn, ...described } = await run('DistributedFailing', {
      items: [3, ...Array.from({ length: 50 }, () => 1)],
    });
    expect(described).toMatchObject({
      status: 'FAILED',
      error: 'States.ExceedToleratedFailureThreshold',
    });
    const { mapRuns = [] } = await sfn.send(new ListMapRunsCommand({ executionArn }));
    const mapRunArn = mapRuns[0]?.mapRunArn;
    const { status, itemCounts } = await sfn.send(new DescribeMapRunCommand({ mapRunArn }));
    expect(status).toBe('FAILED');
    expect(itemCounts).toMatchObject({ total: 51, failed: 1, running: 0 });
    expect(itemCounts?.pending).toBeGreaterThan(0);
    const failed = await sfn.send(new ListExecutionsCommand({ mapRunArn, statusFilter: 'FAILED' }));
    expect(failed.executions).toHaveLength(1);
  });

  it.each([
    ['ExitMachine', 'Runtime.ExitError'],
    ['LateMachine', 'Sandbox.Timedout'],
    ['LargeMachine', 'States.DataLimitExceeded'],
    ['BrokenMachine', 'TypeError'],
  ])(
    'fails when its function does, by the name that AWS has for it: %s',
    async (machine, error) => {
      expect(await run(machine, {})).toMatchObject({ status: 'FAILED', error });
    },
  );

  it('is the same execution for the same name and input while it runs, and no other', async () => {
    const stateMachineArn = rehearsal.stateMachines.HangMachine;
    const request = { stateMachineArn, name: 'once', input: '{}' };
    const first = await sfn.send(new StartExecutionCommand(request));
    const second = await sfn.send(new StartExecutionCommand(request));
    expect(second.executionArn).toBe(first.executionArn);
    const otherInput = new StartExecutionCommand({ ...request, input: '{"a":1}' });
    await expect(sfn.send(otherInput)).rejects.toMatchObject({ name: 'ExecutionAlreadyExists' });
    const { executionArn } = first;
    await sfn.send(new StopExecutionCommand({ executionArn, error: 'Enough', cause: 'of it' }));
    expect(await toTheEnd(executionArn ?? '')).toMatchObject({
      status: 'ABORTED',
      error: 'Enough',
      cause: 'of it',
    });
    expect((await historyOf(executionArn)).at(-1)?.type).toBe('ExecutionAborted');
    await expect(sfn.send(new StartExecutionCommand(request))).rejects.toMatchObject({
      name: 'ExecutionAlreadyExists',
    });
  });

  it('knows its execution’s id', async () => {
    const { output, executionArn } = await run('Ids', {});
    expect(JSON.parse(output ?? '')).toEqual({ id: executionArn });
  });

  it.each([
    [{ name: 'a b' }, 'InvalidName'],
    [{ name: 'x'.repeat(81) }, 'InvalidName'],
    [{ input: 'no json' }, 'InvalidExecutionInput'],
    [{ input: JSON.stringify('x'.repeat(262_144)) }, 'InvalidExecutionInput'],
    [
      { stateMachineArn: 'arn:aws:states:us-east-1:123456789012:stateMachine:None' },
      'StateMachineDoesNotExist',
    ],
  ])('is not started with %j', async (wrong, name) => {
    const stateMachineArn = rehearsal.stateMachines.EchoMachine;
    await expect(
      sfn.send(new StartExecutionCommand({ stateMachineArn, input: '{}', ...wrong })),
    ).rejects.toMatchObject({ name });
  });

  it.each([
    [{ QueryLanguage: 'JSONata' }, 'JSONata'],
    [{ States: { A: { Type: 'Parallel', Branches: [], End: true } } }, 'Parallel'],
    [
      { States: { A: { Type: 'Task', Resource: 'arn:aws:states:::sqs:sendMessage', End: true } } },
      'sqs',
    ],
    [
      {
        States: {
          A: {
            Type: 'Task',
            Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken',
            End: true,
          },
        },
      },
      'waitForTaskToken',
    ],
    [{ States: { A: mapWith({ ToleratedFailurePercentage: 5 }) } }, 'tolerates'],
    [{ States: { A: mapWith({ ItemReader: {} }) } }, 'ItemReader'],
    [{ States: { A: mapWith({ ItemBatcher: {} }) } }, 'ItemBatcher'],
    [{ States: { A: mapWith({ ResultWriter: {} }) } }, 'ResultWriter'],
    [{ States: { A: mapWith({}, { Mode: 'DISTRIBUTED', ExecutionType: 'EXPRESS' }) } }, 'EXPRESS'],
    [{ States: { A: { Type: 'Pass', Assign: {}, End: true } } }, 'Assign'],
  ])('is refused where it could not be run faithfully: %j', async (part, what) => {
    const definition = JSON.stringify({
      StartAt: 'A',
      States: { A: { Type: 'Pass', End: true } },
      ...part,
    });
    const command = new CreateStateMachineCommand({ name: 'refused', roleArn: 'r', definition });
    await expect(sfn.send(command)).rejects.toMatchObject({
      name: 'InvalidDefinition',
      message: expect.stringContaining(what) as string,
    });
  });
});

function mapWith(fields: object, ProcessorConfig?: object): object {
  return {
    Type: 'Map',
    ItemProcessor: {
      ...(ProcessorConfig && { ProcessorConfig }),
      StartAt: 'B',
      States: { B: { Type: 'Pass', End: true } },
    },
    End: true,
    ...fields,
  };
}

describe('a function', () => {
  async function call(
    name: string,
    payload: unknown,
  ): Promise<{ error: string | undefined; answer: unknown }> {
    const { FunctionError, Payload } = await lambda.send(
      new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(payload) }),
    );
    return { error: FunctionError, answer: JSON.parse(Buffer.from(Payload ?? []).toString()) };
  }

  it('is called by its name or its ARN, and may answer by callback', async () => {
    expect(await call('Callback', { n: 1 })).toEqual({ error: undefined, answer: 2 });
    const arn = 'arn:aws:lambda:us-east-1:123456789012:function:Callback';
    expect(await call(arn, { n: 2 })).toEqual({ error: undefined, answer: 3 });
    await expect(call('Nobody', {})).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  it('has its own environment, scaled where told so, and nothing of ours', async () => {
    process.env.STEPCOMPUTE_TEST_SECRET = 'secret';
    const { answer } = await call('Environment', {});
    delete process.env.STEPCOMPUTE_TEST_SECRET;
    const { env, context } = answer as {
      env: Record<string, string>;
      context: { functionName: string };
    };
    expect(env).toMatchObject({
      DELAY_MS: expect.stringMatching(/^10\.0{10}\d+$/) as string,
      NAME: 'us-east-1',
      AWS_ENDPOINT_URL_RDS_DATA: rehearsal.endpoint,
      AWS_LAMBDA_FUNCTION_NAME: 'Environment',
    });
    expect(env).not.toHaveProperty('STEPCOMPUTE_TEST_SECRET');
    expect(env).not.toHaveProperty('HOME');
    expect(context.functionName).toBe('Environment');
  });

  it('answers with its error as Lambda describes it', async () => {
    expect(await call('Fail', 3)).toMatchObject({
      error: 'Unhandled',
      answer: { errorType: 'NoThree', errorMessage: 'no 3' },
    });
    expect(await call('Fail', 2)).toEqual({ error: undefined, answer: 2 });
  });
});

describe('a rehearsal', () => {
  it('counts the costs of what it has recorded', async () => {
    const counted = await Rehearsal.start({ assembly: assembly.folder });
    const { sfn: client } = clientsOf(counted);
    await toTheEnd(await startExecution('Inline', { items: [1, 2] }, client, counted), client);
    expect(counted.costs()).toMatchObject({
      // Map, twice Echo, Pass and Succeed
      stateTransitions: 5,
      executions: 1,
      childExecutions: 0,
      lambdaRequests: 2,
      dataApiCalls: 0,
      longestHistory: 24,
      faults: {},
    });
    await counted.close();
  });

  it.each(['soon', '', 'NaN', 'Infinity', '10 s'])(
    'refuses to scale a variable that is no number: %j',
    async (value) => {
      const environment = { DELAY_MS: value };
      const refused = writeAssembly({ functions: { Echo: { ...functions.Echo, environment } } });
      const start = Rehearsal.start({ assembly: refused.folder, scaledVariables: ['DELAY_MS'] });
      await expect(start).rejects.toThrow(UnsupportedError);
      await expect(start).rejects.toThrow(`Echo has DELAY_MS ${JSON.stringify(value)}`);
      refused.remove();
    },
  );

  it('injects the same faults for the same seed, and retries get over them', async () => {
    const rehearse = async (seed: number) => {
      const faulty = await Rehearsal.start({
        assembly: assembly.folder,
        timeScale: 1_000_000,
        faults: { rate: 0.3, seed },
      });
      const { sfn: client } = clientsOf(faulty);
      const items = Array.from({ length: 40 }, (_, index) => index);
      const { status, output } = await toTheEnd(
        await startExecution('Inline', { items }, client, faulty),
        client,
      );
      const { faults, lambdaRequests, stateTransitions } = faulty.costs();
      await faulty.close();
      return { status, output, faults, lambdaRequests, stateTransitions };
    };
    const [first, again] = [await rehearse(7), await rehearse(7)];
    expect(first.status).toBe('SUCCEEDED');
    expect(again).toEqual(first);
    const injected = Object.values(first.faults).reduce((sum, count) => sum + count, 0);
    expect(injected).toBeGreaterThan(0);
    // Each fault is a transition more.
    expect(first.stateTransitions).toBe(43 + injected);
  });

  it('kills functions at work when told to, and the execution says so', async () => {
    const crashing = await Rehearsal.start({ assembly: assembly.folder, faults: { crashes: 1 } });
    const { sfn: client } = clientsOf(crashing);
    const ended = await toTheEnd(await startExecution('HangMachine', {}, client, crashing), client);
    expect(ended).toMatchObject({ status: 'FAILED', error: 'Runtime.ExitError' });
    expect(crashing.costs().faults).toEqual({ crash: 1 });
    await crashing.close();
  });

  it.each([
    [{ timescale: 2 }, 'timescale'],
    [{ faults: { crash: 1 } }, 'crash'],
  ])('refuses %j, which nothing reads', async (props: object, name) => {
    const start = Rehearsal.start({ assembly: assembly.folder, ...props });
    await expect(start).rejects.toThrow(RangeError);
    await expect(start).rejects.toThrow(`got ${name}`);
  });

  it.each([{ rate: 2 }, { rate: -1 }, { crashes: NaN }])('refuses %j', async (faults) => {
    await expect(Rehearsal.start({ assembly: assembly.folder, faults })).rejects.toThrow(
      RangeError,
    );
  });

  it('answers nobody who does not sign', async () => {
    const { status } = await fetch(rehearsal.endpoint, { method: 'POST', body: '{}' });
    expect(status).toBe(403);
  });

  it.each([
    [
      'a function of another runtime',
      {
        F: { Type: 'AWS::Lambda::Function', Properties: { Runtime: 'python3.13', Handler: 'a.b' } },
      },
      'python',
    ],
    [
      'an Express state machine',
      {
        M: {
          Type: 'AWS::StepFunctions::StateMachine',
          Properties: { StateMachineType: 'EXPRESS' },
        },
      },
      'Express',
    ],
    [
      'a cluster without a secret',
      { C: { Type: 'AWS::RDS::DBCluster', Properties: {} } },
      'C has no secret attached',
    ],
    [
      'an unknown intrinsic function',
      {
        M: {
          Type: 'AWS::StepFunctions::StateMachine',
          Properties: { DefinitionString: { 'Fn::GetAZs': '' } },
        },
      },
      'Fn::GetAZs',
    ],
    [
      'an import of what nobody exports',
      {
        M: {
          Type: 'AWS::StepFunctions::StateMachine',
          Properties: { DefinitionString: { 'Fn::ImportValue': 'x' } },
        },
      },
      'imports x, which no stack exports',
    ],
    [
      'a reference to nothing',
      {
        M: {
          Type: 'AWS::StepFunctions::StateMachine',
          Properties: { DefinitionString: { Ref: 'Gone' } },
        },
      },
      'Gone',
    ],
  ])('refuses %s', async (_, resources, what) => {
    const refused = writeAssembly({ resources });
    await expect(Rehearsal.start({ assembly: refused.folder })).rejects.toThrow(what);
    refused.remove();
  });
});
