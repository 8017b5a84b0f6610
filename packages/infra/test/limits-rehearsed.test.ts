import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  DescribeExecutionCommand,
  SFNClient,
  StartExecutionCommand,
  type DescribeExecutionCommandOutput,
} from '@aws-sdk/client-sfn';
import { Duration } from 'aws-cdk-lib';
import fc from 'fast-check';
import { readCloudAssembly, Rehearsal, type FaultProps } from '@stepcompute/rehearsal';
import { synthesize } from '../../../testing/assembly.js';
import { times } from '../../../testing/exhaustive.js';
import { facts } from '../src/facts.js';
import { eventsPerPair, limitsOf, plannedEvents } from '../src/limits.js';

/** Takes the place of every function: does at once what its step answers. */
const stub = `export const handler = async (event) => {
  if (event.input === undefined) return event;
  const { repetitions } = event.input;
  const pairs = Array.from({ length: repetitions }, (_, iterationId) => ({ runId: 1, iterationId }));
  return { runId: 1, seed: 1, pairs, traceparent: null };
};`;

interface Drawn {
  readonly delaySeconds: number;
  readonly delayIn: 'function' | 'state';
  readonly concurrency: number;
}

/** How an inline execution of so many pairs ends, and how many events it came to. */
async function rehearse(
  { delaySeconds, delayIn, concurrency }: Drawn,
  repetitions: number,
  faults?: FaultProps,
): Promise<Pick<DescribeExecutionCommandOutput, 'status' | 'error'> & { events: number }> {
  const assembly = synthesize({
    delaySeconds: String(delaySeconds),
    delayIn,
    concurrency: String(concurrency),
  });
  for (const { code } of readCloudAssembly(assembly.folder).functions) {
    writeFileSync(join(code, 'index.mjs'), stub);
  }
  const rehearsal = await Rehearsal.start({
    assembly: assembly.folder,
    timeScale: 60_000,
    faults,
  });
  try {
    const sfn = new SFNClient({
      endpoint: rehearsal.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'rehearsal', secretAccessKey: 'rehearsal' },
    });
    const [stateMachineArn = ''] = Object.values(rehearsal.stateMachines);
    const input = JSON.stringify({ repetitions });
    const { executionArn } = await sfn.send(new StartExecutionCommand({ stateMachineArn, input }));
    for (;;) {
      const { status, error } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
      if (status === 'RUNNING') continue;
      return { status, error, events: rehearsal.costs().longestHistory };
    }
  } finally {
    await rehearsal.close();
    assembly.remove();
  }
}

/** The Map's own events and those of the states around it. */
const around = 20;

it('the largest inline run has the history that was planned for it, whatever the settings', async () => {
  const settings = fc.record({
    delaySeconds: fc.constantFrom(0, 1, 600),
    delayIn: fc.constantFrom('function' as const, 'state' as const),
    concurrency: fc.integer({ min: 10, max: 40 }),
  });
  const examples: Drawn[] = [
    { delaySeconds: 600, delayIn: 'state', concurrency: 40 },
    ...fc.sample(settings, { numRuns: times(1, 6), seed: 15 }),
  ];
  for (const each of examples) {
    const { mostPairs } = limitsOf({
      ...each,
      mode: 'inline',
      delay: Duration.seconds(each.delaySeconds),
    });
    const perPair = eventsPerPair(each.delayIn === 'state' && each.delaySeconds > 0);
    const { status, events } = await rehearse(each, mostPairs);
    expect(status).toBe('SUCCEEDED');
    expect(events).toBe(mostPairs * perPair + around);
    expect(events).toBeLessThan(plannedEvents);
    // One pair more is not planned for.
    expect((mostPairs + 1) * perPair + around).toBeGreaterThanOrEqual(plannedEvents);
  }
});

it('AWS ends an execution of one pair more than its history has room for', async () => {
  const settings: Drawn = { delaySeconds: 600, delayIn: 'state', concurrency: 40 };
  const room = facts.stepFunctions.historyEvents - around;
  const { status, events } = await rehearse(settings, Math.floor(room / 9) + 1);
  expect(status).toBe('FAILED');
  expect(events).toBe(facts.stepFunctions.historyEvents);
});

it('the largest inline run has room for the throttles of an account that is nearly always full', async () => {
  const settings: Drawn = { delaySeconds: 600, delayIn: 'state', concurrency: 40 };
  const { mostPairs } = limitsOf({ ...settings, mode: 'inline', delay: Duration.minutes(10) });
  // A third of all calls: half an attempt more for each pair.
  const { status, events } = await rehearse(settings, mostPairs, { throttles: 1 / 3, seed: 1 });
  expect(status).toBe('SUCCEEDED');
  expect(events).toBeGreaterThan(mostPairs * 9 + around + mostPairs);
  expect(events).toBeLessThan(facts.stepFunctions.historyEvents);
});
