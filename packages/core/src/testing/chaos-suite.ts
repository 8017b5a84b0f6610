import { ChaosSchedule } from './chaos-schedule.js';
import { endure, type ChaosSubject } from './chaos.js';
import type { TestRunner } from './assertions.js';

/** Which schedules the suite goes through. */
export interface ChaosSuiteOptions {
  /** How many. Default: 20. */
  readonly schedules?: number | undefined;
  /** Of what they are drawn. Default: 1. */
  readonly seed?: number | undefined;
}

/**
 * Takes runs through kills, lost acknowledgements, duplicate and late deliveries, restarts, refusals
 * and clock jumps: the stores and the orchestrator are right when nothing is lost, doubled or wrong.
 */
export function testChaos(
  { describe, it }: TestRunner,
  subject: ChaosSubject,
  { schedules = 20, seed = 1 }: ChaosSuiteOptions = {},
): void {
  describe(`${subject.name}: chaos`, () => {
    it(`loses nothing, counts nothing twice and averages right on ${schedules} schedules`, async () => {
      for (let number = 0; number < schedules; number += 1) {
        const { findings } = await endure(new ChaosSchedule(seed, number), subject);
        const [first] = findings;
        if (first !== undefined) {
          throw new Error(`schedule ${number} of seed ${seed}: ${first.check}: ${first.detail}`);
        }
      }
    });
  });
}
