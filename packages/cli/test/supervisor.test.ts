import { ExitCode } from '../src/exit-codes.js';
import { Supervisor } from '../src/supervisor.js';

/** A supervisor of a command that does nothing, and all that it does to its process. */
function supervise() {
  const done: string[] = [];
  /** Ends the wait that is on. */
  let wake: (() => void) | undefined;
  const supervisor = new Supervisor(
    {
      stop: () => done.push('stop'),
      say: (line) => done.push(line),
      exit: (code) => done.push(`exit ${code}`),
      endBy: (signal) => done.push(`die of ${signal}`),
    },
    (ms) =>
      new Promise((resolve) => {
        done.push(`wait ${ms}`);
        wake = resolve;
      }),
  );
  const pass = async (): Promise<void> => {
    wake?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { supervisor, done, pass };
}

describe('a command that does not stop when it is told to', () => {
  it('is ended when its time is up, since nobody gives a second signal to a closed terminal', async () => {
    const { supervisor, done, pass } = supervise();
    supervisor.told({ lastWords: ['Run 7: 5 of 10 values are known to be stored'] });
    supervisor.signalled('SIGHUP');
    await pass();
    await pass();
    expect(done).toEqual([
      'stop',
      'wait 1000',
      'Still stopping; a second Ctrl-C ends at once',
      'wait 19000',
      'stepcompute: ended at once, by SIGHUP',
      'Run 7: 5 of 10 values are known to be stored',
      'die of SIGHUP',
    ]);
  });

  it('is ended by a second signal, of whichever kind', () => {
    const { supervisor, done } = supervise();
    supervisor.signalled('SIGINT');
    supervisor.signalled('SIGTERM');
    supervisor.signalled('SIGTERM');
    expect(done.slice(2)).toEqual(['stepcompute: ended at once, by SIGTERM', 'die of SIGTERM']);
  });
});

describe('a command that stops when it is told to', () => {
  it('ends as by the signal, and nothing is said of it any more', async () => {
    const { supervisor, done, pass } = supervise();
    supervisor.signalled('SIGTERM');
    supervisor.told({ exitCode: ExitCode.interrupted });
    await pass();
    expect(done).toEqual(['stop', 'wait 1000', 'die of SIGTERM']);
  });

  it('keeps its own exit code when it was done by then', () => {
    const { supervisor, done } = supervise();
    supervisor.signalled('SIGINT');
    supervisor.told({ exitCode: ExitCode.done });
    supervisor.broke('the thread has ended', ExitCode.unexpected);
    expect(done.slice(2)).toEqual(['exit 0']);
  });
});
