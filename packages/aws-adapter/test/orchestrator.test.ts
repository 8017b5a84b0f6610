import { SFNClient } from '@aws-sdk/client-sfn';
import {
  averageOf,
  IterationId,
  Repetitions,
  type Observer,
  type Progress,
  type RunOptions,
  type RunEvent,
  type RunId,
  type Stores,
} from '@stepcompute/core';
import { parseRunRequest } from '@stepcompute/core/adapters';
import { expectedValues } from '@stepcompute/core/testing';
import { inMemoryStores, VirtualClock } from '@stepcompute/inmemory-adapter';
import { StepFunctionsOrchestrator } from '../src/step-functions-orchestrator.js';

const machineArn = 'arn:aws:states:us-east-1:123456789012:stateMachine:Scripted';

/** One command as the SDK sends it. */
interface Command {
  readonly constructor: { readonly name: string };
  readonly input: Readonly<Record<string, unknown>>;
}

/** Step Functions with a single execution, which is as it is told to be at each look. */
class ScriptedClient extends SFNClient {
  readonly sent: Command[] = [];

  /** @param onDescribe answers how the execution is, and does meanwhile what its functions would have done */
  constructor(
    private readonly runId: RunId,
    private readonly onDescribe: (look: number) => Promise<string> | string,
  ) {
    super({ region: 'us-east-1' });
  }

  override async send(command: unknown): Promise<never> {
    const sent = command as Command;
    this.sent.push(sent);
    switch (sent.constructor.name) {
      case 'DescribeExecutionCommand':
        return { status: await this.onDescribe(this.countOf('DescribeExecutionCommand')) } as never;
      case 'GetExecutionHistoryCommand':
        return {
          events: [
            {
              id: 1,
              previousEventId: 0,
              type: 'TaskStateExited',
              stateExitedEventDetails: { output: JSON.stringify({ runId: this.runId }) },
            },
          ],
        } as never;
      default:
        return {} as never;
    }
  }

  countOf(name: string): number {
    return this.sent.filter(({ constructor }) => constructor.name === name).length;
  }
}

const repetitions = 100;
const values = expectedValues(42, repetitions).map((value, index) => ({
  iterationId: IterationId.parse(index),
  value,
}));

async function newRun(stores: Stores): Promise<RunId> {
  const { id } = await stores.runs.allocate(parseRunRequest({ repetitions, seed: 42 }));
  return id;
}

async function complete({ runs, values: kept, averages }: Stores, id: RunId): Promise<void> {
  await kept.write(id, values);
  await averages.save(id, averageOf(values.map(({ value }) => value)));
  await runs.finish(await runs.get(id), 'completed');
}

function orchestratorOf(
  client: SFNClient,
  stores: Stores,
  pollMs?: number,
  observer?: Observer,
): StepFunctionsOrchestrator {
  const clock = new VirtualClock();
  return new StepFunctionsOrchestrator({
    client,
    stateMachineArn: machineArn,
    stores,
    clock,
    pollMs,
    observer,
  });
}

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

const average = averageOf(values.map(({ value }) => value));

it('a complete run is resumed without an execution, from what is stored', async () => {
  const stores = inMemoryStores();
  const id = await newRun(stores);
  await complete(stores, id);
  const client = new ScriptedClient(id, () => 'SUCCEEDED');
  const reports: Progress[] = [];
  const result = await orchestratorOf(client, stores).resume(
    id,
    { delayMs: 600_000 },
    { onProgress: (progress) => reports.push(progress) },
  );
  expect(result).toMatchObject({ average, ledger: { completed: repetitions, missing: 0 } });
  expect(reports).toMatchObject([{ completed: repetitions, remainingMs: 0 }]);
  expect(client.sent).toEqual([]);
  // A change is the first step's to make.
  await orchestratorOf(client, stores).resume(id, { tolerance: 1 });
  expect(client.countOf('StartExecutionCommand')).toBe(1);
});

it('a run that was extended since its execution succeeded gets another one, which does what is missing', async () => {
  const stores = inMemoryStores();
  const request = { repetitions: 50, seed: 42, idempotencyKey: 'key' };
  const { id } = await stores.runs.allocate(parseRunRequest(request));
  await stores.runs.finish(await stores.runs.get(id), 'completed');
  await stores.runs.reopen(id, { repetitions: Repetitions.parse(repetitions) });
  class KeyedClient extends ScriptedClient {
    override async send(command: unknown): Promise<never> {
      const answer = await super.send(command);
      const { constructor, input } = command as Command;
      if (constructor.name !== 'StartExecutionCommand') return answer;
      if (input.name === 'key') {
        throw Object.assign(new Error('taken'), { name: 'ExecutionAlreadyExists' });
      }
      expect(input).toMatchObject({
        name: 'key.2',
        input: JSON.stringify({ runId: id, parameters: {} }),
      });
      await complete(stores, id);
      return answer;
    }
  }
  const client = new KeyedClient(id, () => 'SUCCEEDED');
  const result = await orchestratorOf(client, stores).run(request);
  expect(result).toMatchObject({ average, ledger: { completed: repetitions, missing: 0 } });
  expect(client.countOf('StartExecutionCommand')).toBe(2);
  // Completed by now, it needs no other.
  await orchestratorOf(client, stores).run(request);
  expect(client.countOf('StartExecutionCommand')).toBe(3);
});

it('each look at a run asks for what has come since the one before, and no more', async () => {
  const stores = inMemoryStores();
  const id = await newRun(stores);
  const asked: number[] = [];
  const watched: Stores = {
    ...stores,
    values: Object.assign(Object.create(stores.values) as Stores['values'], {
      missing: (...[run, within]: Parameters<Stores['values']['missing']>) => {
        asked.push((within ?? []).reduce((sum, { count }) => sum + count, 0));
        return stores.values.missing(run, within);
      },
    }),
  };
  const client = new ScriptedClient(id, async (look) => {
    await stores.values.write(id, values.slice(0, 30 * look));
    if (look < 4) return 'RUNNING';
    await complete(stores, id);
    return 'SUCCEEDED';
  });
  const completed: number[] = [];
  const result = await orchestratorOf(client, watched).run(
    { repetitions, seed: 42 },
    { onProgress: (progress) => completed.push(progress.completed) },
  );
  expect(result.average).toEqual(average);
  expect(completed).toEqual([30, 60, 90, 100]);
  expect(asked).toEqual([100, 70, 40]);
});

it('the rate of an execution that has stored everything by the first look is its own', async () => {
  const storedBy = async (
    before: number,
    follow: (
      orchestrator: StepFunctionsOrchestrator,
      id: RunId,
      options: RunOptions,
    ) => Promise<unknown>,
  ): Promise<number> => {
    const stores = inMemoryStores();
    const id = await newRun(stores);
    await stores.values.write(id, values.slice(0, before));
    const client = new ScriptedClient(id, async (look) => {
      if (look === 1) await complete(stores, id);
      return look < 3 ? 'RUNNING' : 'SUCCEEDED';
    });
    const told: Progress[] = [];
    const onProgress = (progress: Progress): number => told.push(progress);
    await follow(orchestratorOf(client, stores), id, { onProgress });
    const { ratePerSecond = 0, elapsedMs = 0 } = told.at(-1) ?? {};
    return (ratePerSecond * elapsedMs) / 1000;
  };
  const request = { repetitions, seed: 42 };
  const resumed = storedBy(30, (orchestrator, id, options) => orchestrator.resume(id, {}, options));
  expect(await resumed).toBeCloseTo(70, 9);
  const run = storedBy(0, (orchestrator, _, options) => orchestrator.run(request, options));
  expect(await run).toBeCloseTo(repetitions, 9);
});

it('a look is 30 days after the one before when it is told to be', async () => {
  const stores = inMemoryStores();
  const id = await newRun(stores);
  const client = new ScriptedClient(id, async (look) => {
    if (look < 13) return 'RUNNING';
    await complete(stores, id);
    return 'SUCCEEDED';
  });
  const elapsed: number[] = [];
  await orchestratorOf(client, stores, 30 * 86_400_000).run(
    { repetitions, seed: 42 },
    { onProgress: ({ elapsedMs }) => elapsed.push(elapsedMs / 86_400_000) },
  );
  expect(elapsed.at(-1)).toBe(360);
});

it('an observer sees a run as soon as there is one, once, and its end with what it came to', async () => {
  const stores = inMemoryStores();
  const id = await newRun(stores);
  const seen: [number, RunEvent][] = [];
  const client = new ScriptedClient(id, async (look) => {
    if (look < 4) return 'RUNNING';
    await complete(stores, id);
    return 'SUCCEEDED';
  });
  const observer: Observer = (event) => {
    seen.push([client.countOf('DescribeExecutionCommand'), event]);
    if (event.type === 'request') event.carrier.traceparent = traceparent;
  };
  await orchestratorOf(client, stores, undefined, observer).run({ repetitions, seed: 42 });
  expect(seen).toMatchObject([
    [0, { type: 'request' }],
    [1, { type: 'run', run: { id, status: 'started' }, carrier: { traceparent } }],
    [4, { type: 'end', status: 'completed', durationMs: 6000, ledger: { completed: 100 } }],
  ]);
  const [start] = client.sent;
  expect(JSON.parse(start?.input.input as string)).toEqual({ repetitions, seed: 42, traceparent });
});

it('an observer sees the end of a run that can’t be followed any more', async () => {
  const stores = inMemoryStores();
  const id = await newRun(stores);
  const events: RunEvent[] = [];
  const client = new ScriptedClient(id, (look) => {
    if (look === 1) return 'RUNNING';
    throw new Error('no answer');
  });
  const observer: Observer = (event) => events.push(event);
  const orchestrator = orchestratorOf(client, stores, undefined, observer);
  await expect(orchestrator.run({ repetitions, seed: 42 })).rejects.toMatchObject({
    name: 'StepFailedError',
  });
  expect(events.at(-1)).toMatchObject({ type: 'end', status: 'failed' });
  // Nothing says that the execution has ended.
  expect((await stores.runs.get(id)).status).toBe('started');
});

it.each([
  ['cancelled', 'enough', 'CancelledError'],
  ['failed', undefined, 'StepFailedError'],
] as const)('records that a run has %s', async (status, reason, name) => {
  const stores = inMemoryStores();
  const id = await newRun(stores);
  const events: RunEvent[] = [];
  const stopping = new AbortController();
  const client = new ScriptedClient(id, (look) => {
    if (look === 1) return 'RUNNING';
    if (look === 2 && reason !== undefined) stopping.abort(reason);
    return look === 2 ? 'RUNNING' : reason === undefined ? 'TIMED_OUT' : 'ABORTED';
  });
  await expect(
    orchestratorOf(client, stores, undefined, (event) => events.push(event)).run(
      { repetitions, seed: 42 },
      { signal: stopping.signal },
    ),
  ).rejects.toMatchObject({ name });
  expect((await stores.runs.get(id)).status).toBe(status);
  expect(events).toMatchObject([
    { type: 'request' },
    { type: 'run', run: { id } },
    { type: 'end', runId: id, status, error: { name } },
  ]);
  expect(client.countOf('StopExecutionCommand')).toBe(reason === undefined ? 0 : 1);
});

it.each([{ pollMs: -1 }, { pollMs: NaN }, { delayMs: 1e12 }])('refuses %j', (spans) => {
  expect(
    () =>
      new StepFunctionsOrchestrator({
        client: new SFNClient({ region: 'us-east-1' }),
        stateMachineArn: machineArn,
        stores: inMemoryStores(),
        ...spans,
      }),
  ).toThrow(/milliseconds from 0 to/);
});

it('refuses a property, an option, a field of a request and a change that nothing reads', async () => {
  const stores = inMemoryStores();
  const id = await newRun(stores);
  const client = new ScriptedClient(id, () => 'SUCCEEDED');
  const props = { client, stateMachineArn: machineArn, stores, pollMS: 5 };
  expect(() => new StepFunctionsOrchestrator(props)).toThrow('got "pollMS"');
  const observer = {} as Observer;
  expect(() => orchestratorOf(client, stores, undefined, observer)).toThrow(
    'observer must be a function (event) => void; got an object',
  );
  const orchestrator = orchestratorOf(client, stores);
  const unread: object = { sgnal: 1 };
  await expect(orchestrator.run({ repetitions, ...unread })).rejects.toThrow('got "sgnal"');
  await expect(orchestrator.run({ repetitions }, unread)).rejects.toThrow('got "sgnal"');
  await expect(orchestrator.resume(id, unread)).rejects.toThrow('got "sgnal"');
  await expect(orchestrator.resume(id, {}, unread)).rejects.toThrow('got "sgnal"');
  expect(client.sent).toEqual([]);
});

it('looks at tens of runs within the account’s rate, and sees the end of a short one soon', async () => {
  const clock = new VirtualClock();
  const looks: number[] = [];
  const followed = async (lastsMs: number): Promise<number> => {
    const stores = inMemoryStores();
    const id = await newRun(stores);
    await complete(stores, id);
    const client = new ScriptedClient(id, () => {
      looks.push(clock.now());
      return clock.now() < lastsMs ? 'RUNNING' : 'SUCCEEDED';
    });
    const orchestrator = new StepFunctionsOrchestrator({
      client,
      stateMachineArn: machineArn,
      stores,
      clock,
    });
    await orchestrator.run({ repetitions, seed: 42 });
    return clock.now();
  };
  const hour = 3_600_000;
  const [soon] = await Promise.all([
    followed(10_000),
    ...Array.from({ length: 50 }, () => followed(hour)),
  ]);
  expect(soon).toBeLessThan(12_001);
  const minutes = Array.from({ length: 60 }, () => 0);
  for (const at of looks) {
    const minute = Math.floor(at / 60_000);
    if (minute in minutes) minutes[minute]! += 1;
  }
  // Buckets hold 250 more.
  expect(minutes[0]).toBeLessThan(51 * 40);
  for (const count of minutes.slice(3)) expect(count).toBeLessThan(10 * 60);
});

it('a key whose execution is forgotten is told of its deleted run by the first step', async () => {
  class ForgetfulClient extends ScriptedClient {
    override async send(command: unknown): Promise<never> {
      const { name } = (command as Command).constructor;
      if (name === 'GetExecutionHistoryCommand') return { events: [] } as never;
      if (name !== 'DescribeExecutionCommand') return super.send(command);
      const errorMessage =
        'idempotency key "arn:aws:states:us-east-1:123456789012:execution:Scripted:nightly" ' +
        'belongs to run 7, which was deleted: use a new key';
      const cause = JSON.stringify({ errorMessage });
      return { status: 'FAILED', error: 'DeletedRunError', cause } as never;
    }
  }
  const client = new ForgetfulClient(1 as RunId, () => 'FAILED');
  const request = { repetitions, idempotencyKey: 'nightly' };
  await expect(orchestratorOf(client, inMemoryStores()).run(request)).rejects.toMatchObject({
    name: 'DeletedRunError',
    runId: 7,
    idempotencyKey: 'nightly',
  });
});
