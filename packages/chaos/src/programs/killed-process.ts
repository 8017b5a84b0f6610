/**
 * A process that takes runs through their schedules, one after the other, until it is done or one of
 * them kills it. Each line of its output is a JSON object: a schedule's outcome, or its own end.
 */
import { writeSync } from 'node:fs';
import { ChaosSchedule, type Fault } from '../chaos-schedule.js';
import { endure } from '../endure.js';
import type { Finding } from '../oracle.js';
import { inSql, type Engine } from './subjects.js';

/** The first argument, as JSON. */
export interface KilledProcessProps {
  readonly engine: Engine;
  readonly place: string;
  readonly seed: number;
  /** The first schedule's number. */
  readonly first: number;
  /** The number after the last schedule's. */
  readonly end: number;
  /** The life of the first schedule's run that this process is. */
  readonly life: number;
}

export type KilledProcessLine = ScheduleLine | KillLine;

/** A schedule has ended. */
interface ScheduleLine {
  readonly schedule: number;
  readonly injected: readonly (readonly [Fault, number])[];
  readonly findings: readonly Finding[];
  /** How many the run has. */
  readonly values: number;
}

/** The process kills itself. */
interface KillLine {
  readonly schedule: number;
  readonly life: number;
  readonly injected: readonly (readonly [Fault, number])[];
}

function tell(line: KilledProcessLine): void {
  // Synchronous: the next thing to happen may be the end.
  writeSync(1, `${JSON.stringify(line)}\n`);
}

function restart(): Promise<void> {
  return new Promise((resolve) => {
    process.once('message', () => resolve());
    process.send?.('restart');
  });
}

async function work({ engine, place, seed, first, end, life }: KilledProcessProps): Promise<void> {
  let schedule = new ChaosSchedule(seed, first);
  const kill = (): void => {
    tell({ schedule: schedule.number, life: schedule.life, injected: [...schedule.injected] });
    process.kill(process.pid, 'SIGKILL');
  };
  const hooks = { kill, restart };
  const subject = await inSql(engine, place, hooks);
  for (let number = first; number < end; number += 1) {
    schedule = new ChaosSchedule(seed, number);
    const { injected, findings } = await endure(schedule, subject, number === first ? life : 0);
    tell({
      schedule: number,
      injected: [...injected],
      findings,
      values: schedule.repetitions,
    });
  }
}

work(JSON.parse(process.argv[2]!) as KilledProcessProps).then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
