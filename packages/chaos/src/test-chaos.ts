import { Seed } from '@stepcompute/core';
import { parseInteger, refuseUnknown, type FieldNames } from '@stepcompute/core/adapters';
import type { TestRunner } from '@stepcompute/core/testing';
import { ChaosSchedule } from './chaos-schedule.js';
import { subjectFields, type ChaosSubject } from './chaos-subject.js';
import { endure } from './endure.js';

/** The schedules that {@link testChaos} goes through. */
export interface ChaosSuiteOptions {
  /** How many, from 1 to {@link ChaosSchedule.maximumNumber} + 1. Default: 20. */
  readonly schedules?: number | undefined;
  /** From which they are drawn, 0 to 2^53 − 1. Default: 1. */
  readonly seed?: number | undefined;
}

const optionFields: FieldNames<ChaosSuiteOptions> = { schedules: true, seed: true };

/**
 * Defines a test that takes runs through kills, lost acknowledgements, duplicate and late deliveries,
 * restarts, refusals, clock jumps and changed simulations. It passes when no value is lost, doubled or
 * wrong, and each record says what was asked.
 *
 * @throws InvalidInputError when a number of schedules or a seed is out of its range, or there is no
 *   such option or field of the subject
 * @example
 * ```ts
 * import { InProcessOrchestrator } from '@stepcompute/core';
 * import { testChaos } from '@stepcompute/chaos';
 * import { inMemoryStores, VirtualClock } from '@stepcompute/inmemory-adapter';
 *
 * const stores = inMemoryStores();
 * const others = inMemoryStores();
 * testChaos(
 *   { describe, it },
 *   {
 *     name: 'in process, in memory',
 *     open: () => stores,
 *     orchestrator: (parts) => new InProcessOrchestrator(parts),
 *     elsewhere: () => others, // runs of the same ids, which are not to be mixed up
 *     clock: () => new VirtualClock(),
 *   },
 *   { schedules: 50, seed: 1 },
 * );
 * ```
 */
export function testChaos(
  { describe, it }: TestRunner,
  subject: ChaosSubject,
  options: ChaosSuiteOptions = {},
): void {
  const { schedules = 20, seed = 1 } = refuseUnknown(options, 'options', optionFields);
  refuseUnknown(subject, 'subject', subjectFields);
  parseInteger(schedules, 'schedules', 1, ChaosSchedule.maximumNumber + 1);
  Seed.parse(seed);
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
