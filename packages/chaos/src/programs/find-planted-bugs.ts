import { ChaosSchedule } from '../chaos-schedule.js';
import { endure } from '../endure.js';
import type { Check } from '../oracle.js';
import { plantedBugs } from '../planted-bugs.js';
import { inMemory } from './subjects.js';
import type { Schedules } from './task.js';

export interface FoundBug {
  readonly bug: string;
  readonly foundBy: Check;
  /** The first schedule in which its check found it; null when none did. */
  readonly schedule: number | null;
}

/** Takes a subject with each planted bug through the schedules, until the check finds it. */
export async function findPlantedBugs(
  seed: number,
  { first, count }: Schedules,
): Promise<readonly FoundBug[]> {
  const found: FoundBug[] = [];
  for (const { name, foundBy, plant } of plantedBugs) {
    const subject = plant(inMemory());
    let schedule: number | null = null;
    for (let number = first; number < first + count && schedule === null; number += 1) {
      const { findings } = await endure(new ChaosSchedule(seed, number), subject);
      if (findings.some(({ check }) => check === foundBy)) schedule = number;
    }
    found.push({ bug: name, foundBy, schedule });
  }
  return found;
}
