/** Runs schedules in processes that really die, each taken up by the next. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';

const worker = fileURLToPath(new URL('worker.mjs', import.meta.url));

/**
 * @param {object} props
 * @param {'pglite' | 'postgres'} props.engine
 * @param {string} props.place
 * @param {number} props.seed
 * @param {readonly number[]} props.schedules
 * @param {() => Promise<void>} [props.restart] restarts the database
 * @param {import('./tally.mjs').Tally} props.tally
 */
export async function runInProcesses({ engine, place, seed, schedules, restart, tally }) {
  let left = [...schedules];
  let life = 0;
  while (left.length > 0) {
    const child = fork(worker, [JSON.stringify({ engine, place, seed, schedules: left, life })], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    let restarted = Promise.resolve();
    child.on('message', () => {
      restarted = restarted
        .then(restart)
        // Who asked may be gone by now.
        .then(() => child.connected && child.send('restarted', () => undefined));
    });
    const ended = new Promise((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal }));
    });
    for await (const text of createInterface({ input: /** @type {any} */ (child.stdout) })) {
      const line = JSON.parse(text);
      tally.inject(line.injected);
      if (line.findings === undefined) {
        life = line.life + 1;
      } else {
        tally.end(line.schedule, line.findings, line.values);
        left = left.filter((number) => number !== line.schedule);
        life = 0;
      }
    }
    const { code, signal } = await ended;
    await restarted;
    if (signal === 'SIGKILL') tally.kills += 1;
    else if (code !== 0) throw new Error(`a worker ended with ${code ?? signal}`);
  }
}
