import { ChaosSchedule } from '../chaos-schedule.js';
import type { ChaosSubject } from '../chaos-subject.js';
import { endure } from '../endure.js';
import type { Tally } from './tally.js';

/** Schedules whose numbers follow each other. */
export interface Schedules {
  readonly first: number;
  readonly count: number;
}

/** A target's work, and where it counts what comes of it. */
export interface Task {
  readonly seed: number;
  readonly schedules: Schedules;
  readonly tally: Tally;
}

/** Takes a run through each of the schedules, one after the other, in this process. */
export async function endureAll(
  subject: ChaosSubject,
  { seed, schedules: { first, count }, tally }: Task,
): Promise<void> {
  for (let number = first; number < first + count; number += 1) {
    const schedule = new ChaosSchedule(seed, number);
    const { injected, findings } = await endure(schedule, subject);
    tally.inject(injected);
    tally.end(number, findings, schedule.repetitions);
  }
}
