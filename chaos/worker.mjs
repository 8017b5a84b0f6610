/**
 * A process that takes runs through their schedules, one after the other, until it is done or one of
 * them kills it. Each line of its output is a JSON object: a schedule's outcome, or its own end.
 */
import { writeSync } from 'node:fs';
import { ChaosSchedule, endure } from '@stepcompute/core/testing';
import { inSql } from './subjects.mjs';

/** @type {{ engine: 'pglite' | 'postgres', place: string, seed: number, schedules: number[], life: number }} */
const { engine, place, seed, schedules, life } = JSON.parse(process.argv[2]);

/** @param {object} line */
function tell(line) {
  // Written before anything else happens: what follows may be the end.
  writeSync(1, `${JSON.stringify(line)}\n`);
}

/** @type {ChaosSchedule} */
let schedule;
const subject = await inSql(engine, place, {
  kill: () => {
    tell({ schedule: schedule.number, life: schedule.life, injected: [...schedule.injected] });
    process.kill(process.pid, 'SIGKILL');
  },
  restart:
    engine === 'postgres'
      ? () =>
          new Promise((resolve) => {
            process.once('message', resolve);
            process.send?.('restart');
          })
      : undefined,
});
for (const [index, number] of schedules.entries()) {
  schedule = new ChaosSchedule(seed, number);
  const { lives, injected, findings } = await endure(schedule, subject, index === 0 ? life : 0);
  tell({
    schedule: number,
    lives,
    injected: [...injected],
    findings,
    values: schedule.repetitions,
  });
}
process.exit(0);
