import { fork } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Engine } from './subjects.js';
import type { Task } from './task.js';
import type { KilledProcessLine, KilledProcessProps } from './killed-process.js';

export interface ProcessesProps extends Task {
  readonly engine: Engine;
  /** The folder of an embedded database, or the URL of a server. */
  readonly place: string;
  /** Restarts the database under the process that uses it. */
  readonly restart?: (() => Promise<void>) | undefined;
}

/** Runs schedules in processes that really die; after each, another one goes on with its schedule. */
export async function runInProcesses(props: ProcessesProps): Promise<void> {
  const { engine, place, seed, schedules, restart, tally } = props;
  const end = schedules.first + schedules.count;
  let next = schedules.first;
  let life = 0;
  while (next < end) {
    const work: KilledProcessProps = { engine, place, seed, first: next, end, life };
    const child = fork(join(__dirname, 'killed-process.js'), [JSON.stringify(work)], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    let restarted = Promise.resolve();
    child.on('message', () => {
      restarted = restarted.then(restart).then(() => {
        // The process that asked may be gone by now.
        if (child.connected) child.send('restarted', () => undefined);
      });
    });
    const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal }));
    });
    let isKilled = false;
    for await (const text of createInterface({ input: child.stdout! })) {
      const line = JSON.parse(text) as KilledProcessLine;
      tally.inject(line.injected);
      if ('findings' in line) {
        tally.end(line.schedule, line.findings, line.values);
        next = line.schedule + 1;
        life = 0;
      } else {
        isKilled = true;
        life = line.life + 1;
      }
    }
    const { code, signal } = await ended;
    await restarted;
    // A kill that no schedule had in store, for want of memory perhaps, would come again and again.
    if (isKilled && signal === 'SIGKILL') tally.kills += 1;
    else if (code !== 0) throw new Error(`a process ended with ${code ?? String(signal)}`);
  }
}
