import { DescribeExecutionCommand, StartExecutionCommand } from '@aws-sdk/client-sfn';
import type { RunId } from '@stepcompute/core';
import { expectedValues } from '@stepcompute/core/testing';
import {
  createLastingDatabase,
  deploy,
  modes,
  type Deployment,
  type DeploymentProps,
  type LastingDatabase,
} from './deployment.js';

const before = expectedValues(42, 20);
const after = before.map((value) => value + 5000);

/** The values that are stored, and of which code each of them is. */
async function stored({ stores }: Deployment, id: RunId): Promise<[number, number][]> {
  const values: [number, number][] = [];
  for await (const batch of stores.values.read(id)) {
    values.push(...batch.map(({ value, code = 0 }): [number, number] => [value, code]));
  }
  return values;
}

/** The end of an execution that somebody starts by hand. */
async function execute(
  { sfn, stateMachineArn }: Deployment,
  input: object,
): Promise<{ status: string | undefined; error: string | undefined; output: unknown }> {
  const start = new StartExecutionCommand({ stateMachineArn, input: JSON.stringify(input) });
  const { executionArn } = await sfn.send(start);
  for (;;) {
    const { status, error, output } = await sfn.send(
      new DescribeExecutionCommand({ executionArn }),
    );
    if (status === 'RUNNING') continue;
    return { status, error, output: output === undefined ? undefined : JSON.parse(output) };
  }
}

describe.each(modes)('a simulation that is deployed anew, %s', (mode) => {
  let database: LastingDatabase;
  let deployment: Deployment | undefined;
  /** A complete run of ten repetitions. */
  let complete: RunId;
  beforeAll(async () => {
    database = await createLastingDatabase();
    const { orchestrator } = await deployed({ module: 'version-1.ts' });
    complete = (await orchestrator.run({ repetitions: 10, seed: 42 })).run.id;
  });
  afterAll(async () => {
    await deployment?.close();
    await database.drop();
  });

  /** One deployment after the other, over the same database. */
  async function deployed(props: Partial<DeploymentProps>): Promise<Deployment> {
    await deployment?.close();
    deployment = undefined;
    deployment = await deploy({ mode, database, ...props });
    return deployment;
  }

  it('ends executions that are under way, writes nothing into their runs, and goes on where that is accepted', async () => {
    const between = await deployed({ module: 'version-1.ts', moduleOfStep2: 'version-2.ts' });
    const error: unknown = await between.orchestrator
      .run({ repetitions: 10, seed: 42 })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      name: 'ChangedSimulationError',
      runId: complete + 1,
      message: expect.stringContaining('its code differs') as string,
    });
    const { runId: begun } = error as { runId: RunId };
    expect((await between.stores.failures.ledger(begun)).completed).toBe(0);
    for await (const [lowest] of between.stores.failures.read(begun)) {
      expect(lowest?.errorName).toBe('ChangedSimulationError');
    }
    // An execution that somebody starts by hand says so too.
    expect(await execute(between, { repetitions: 10, seed: 42 })).toMatchObject({
      status: 'FAILED',
      error: 'ChangedSimulationError',
    });
    expect((await between.stores.runs.get(begun)).status).toBe('failed');
    await expect(between.orchestrator.resume(complete, { repetitions: 20 })).rejects.toMatchObject({
      name: 'ChangedSimulationError',
      runId: complete,
    });
    expect(await stored(between, complete)).toEqual(before.slice(0, 10).map((value) => [value, 0]));

    const anew = await deployed({ module: 'version-2.ts' });
    const refused = { status: 'FAILED', error: 'ChangedSimulationError', output: undefined };
    for (const id of [complete, begun]) {
      expect(await execute(anew, { runId: id, repetitions: 20 })).toEqual(refused);
      await expect(anew.orchestrator.resume(id)).rejects.toMatchObject({
        name: 'ChangedSimulationError',
        runId: id,
      });
    }
    await expect(anew.orchestrator.resume(complete)).rejects.toThrow(
      `iteration 0, generated again, came to ${after[0]}, and ${before[0]} is stored`,
    );
    expect(await stored(anew, complete)).toHaveLength(10);
    expect(await stored(anew, begun)).toEqual([]);

    const accepted = { acceptChangedSimulation: true };
    expect(await execute(anew, { runId: begun, ...accepted })).toMatchObject({
      status: 'SUCCEEDED',
      output: { completed: 10, changed: 10 },
    });
    expect(await stored(anew, begun)).toEqual(after.slice(0, 10).map((value) => [value, 1]));
    const { run, ledger: mixed } = await anew.orchestrator.resume(complete, accepted);
    expect(run.simulation).toHaveLength(2);
    expect(mixed).toEqual({ requested: 20, completed: 20, failed: 0, missing: 0, changed: 10 });
    expect(await stored(anew, complete)).toEqual([
      ...before.slice(0, 10).map((value) => [value, 0]),
      ...after.slice(10).map((value) => [value, 1]),
    ]);
  });
});
