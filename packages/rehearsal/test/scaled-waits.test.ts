import { randomUUID } from 'node:crypto';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { CreateStateMachineCommand, SFNClient } from '@aws-sdk/client-sfn';
import { Rehearsal } from '../src/index.js';
import { invoke as invoking, writeAssembly, type Assembly } from './assembly.js';
import { clientConfig, execute, history, types } from './execute.js';

/** Waits ten minutes, several times side by side, several times over; with each of Node's timers. */
const code = `
  const timers = require('node:timers');
  const { setTimeout: promised } = require('node:timers/promises');
  const { promisify } = require('node:util');
  const ms = Number(process.env.DELAY_MS);
  const waits = {
    global: () => new Promise((resolve) => setTimeout(resolve, ms)),
    module: () => new Promise((resolve) => timers.setTimeout(resolve, ms)),
    promised: () => promised(ms, 'value'),
    promisified: () => promisify(setTimeout)(ms),
    other: () => promised(Math.round(ms)),
  };
  let rounds = 0;
  exports.handler = async ({ wait = 'global', lanes = 1, times = 0, read }, context) => {
    if (read) return rounds;
    for (rounds = 0; rounds < times; rounds++) {
      await Promise.all(Array.from({ length: lanes }, waits[wait]));
    }
    return context.getRemainingTimeInMillis();
  };`;

describe('the waits of a function, scaled', () => {
  let assembly: Assembly;
  let rehearsal: Rehearsal;
  let client: LambdaClient;

  const invoke = async (event: object): Promise<unknown> => {
    const { Payload } = await client.send(
      new InvokeCommand({ FunctionName: 'Wait', Payload: JSON.stringify(event) }),
    );
    return JSON.parse(Buffer.from(Payload ?? []).toString());
  };

  beforeAll(async () => {
    const environment = { DELAY_MS: '600000' };
    // Twenty-five minutes, which a real function can't have, leave time for a machine that is busy.
    assembly = writeAssembly({ functions: { Wait: { code, environment, timeoutSeconds: 1_500 } } });
    rehearsal = await Rehearsal.start({
      assembly: assembly.folder,
      timeScale: 60_000,
      scaledVariables: ['DELAY_MS'],
      mostInstances: 1,
    });
    client = new LambdaClient({ ...clientConfig, endpoint: rehearsal.endpoint });
  });
  afterAll(async () => {
    client.destroy();
    await rehearsal.close();
    assembly.remove();
  });

  it.each(['global', 'module', 'promised', 'promisified'])(
    'pass at once side by side, and add up one after another: %s',
    async (wait) => {
      const once = Number(await invoke({ wait, lanes: 50, times: 1 }));
      expect(once).toBeLessThanOrEqual(900_000);
      expect(once).toBeGreaterThan(300_000);
      const twice = Number(await invoke({ wait, lanes: 50, times: 2 }));
      expect(twice).toBeLessThanOrEqual(300_000);
    },
  );

  it('end the function where its time would be up, and nothing follows', async () => {
    expect(await invoke({ times: 3 })).toEqual({
      errorType: 'Sandbox.Timedout',
      errorMessage: expect.stringContaining('Task timed out after 1500.00 seconds') as string,
    });
    // In a new process.
    expect(await invoke({ read: true })).toBe(0);
  });

  it('of another length are those of this machine', async () => {
    expect(await invoke({ wait: 'other', times: 3 })).toBeGreaterThan(900_000);
  });

  it('are put back into the costs', async () => {
    const { lambdaGigabyteSeconds: before } = rehearsal.costs();
    await invoke({ times: 2 });
    // Twenty minutes at 128 MiB.
    expect(rehearsal.costs().lambdaGigabyteSeconds - before).toBeGreaterThanOrEqual(149.9);
  });
});

describe('the time-outs of states, scaled', () => {
  let assembly: Assembly;
  let rehearsal: Rehearsal;
  let client: SFNClient;

  const wait = { Type: 'Wait', Seconds: 600 };
  /** Of twelve hundred seconds, which leave a machine that is busy time enough. */
  const run = async (states: object, input: unknown = {}) => {
    const definition = JSON.stringify({ StartAt: 'First', TimeoutSeconds: 1_190, States: states });
    const { stateMachineArn = '' } = await client.send(
      new CreateStateMachineCommand({
        name: randomUUID(),
        roleArn: 'arn:aws:iam::123456789012:role/any',
        definition: definition.replaceAll(
          '${Wait.Arn}',
          'arn:aws:lambda:us-east-1:123456789012:function:Wait',
        ),
      }),
    );
    return execute(client, stateMachineArn, input);
  };

  beforeAll(async () => {
    const environment = { DELAY_MS: '600000' };
    assembly = writeAssembly({ functions: { Wait: { code, environment, timeoutSeconds: 1_500 } } });
    rehearsal = await Rehearsal.start({
      assembly: assembly.folder,
      timeScale: 60_000,
      scaledVariables: ['DELAY_MS'],
    });
    client = new SFNClient({ ...clientConfig, endpoint: rehearsal.endpoint });
  });
  afterAll(async () => {
    client.destroy();
    await rehearsal.close();
    assembly.remove();
  });

  it('leave an execution the time that it has on AWS', async () => {
    const once = await run({ First: { ...wait, End: true } });
    expect(once.status).toBe('SUCCEEDED');
    const twice = await run({ First: { ...wait, Next: 'Second' }, Second: { ...wait, End: true } });
    expect(twice.status).toBe('TIMED_OUT');
    expect(types(await history(client, twice.executionArn)).at(-1)).toBe('ExecutionTimedOut');
  });

  it('count the waits of functions', async () => {
    const task = invoking('Wait');
    const states = { First: { ...task, Next: 'Second' }, Second: { ...wait, End: true } };
    expect((await run(states, { times: 1 })).status).toBe('TIMED_OUT');
    expect((await run(states, { times: 0 })).status).toBe('SUCCEEDED');
  });

  it.each([
    ['INLINE', 10, 'SUCCEEDED'],
    ['INLINE', 5, 'TIMED_OUT'],
    ['DISTRIBUTED', 10, 'SUCCEEDED'],
    ['DISTRIBUTED', 5, 'TIMED_OUT'],
  ])(
    'let the iterations of a Map pass side by side: %s, %d at a time',
    async (mode, atOnce, end) => {
      const map = {
        Type: 'Map',
        MaxConcurrency: atOnce,
        ItemProcessor: {
          ProcessorConfig: {
            Mode: mode,
            ...(mode === 'DISTRIBUTED' && { ExecutionType: 'STANDARD' }),
          },
          StartAt: 'Wait',
          States: { Wait: { ...wait, End: true } },
        },
        End: true,
      };
      const items = Array.from({ length: 10 }, (_, index) => index);
      expect((await run({ First: map }, items)).status).toBe(end);
    },
  );

  it('end a task whose function waits longer', async () => {
    const task = invoking('Wait', {
      TimeoutSeconds: 900,
      Catch: [{ ErrorEquals: ['States.Timeout'], Next: 'Late' }],
      End: true,
    });
    const late = await run({ First: task, Late: { Type: 'Succeed' } }, { times: 2 });
    expect(late.status).toBe('SUCCEEDED');
    expect(types(await history(client, late.executionArn))).toEqual([
      'ExecutionStarted',
      'TaskStateEntered',
      'TaskScheduled',
      'TaskStarted',
      'TaskTimedOut',
      'TaskStateExited',
      'SucceedStateEntered',
      'SucceedStateExited',
      'ExecutionSucceeded',
    ]);
  });
});
