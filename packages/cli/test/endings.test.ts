import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { inOneProcess, lastLine, putDatabase, stepcompute, type Meddling } from './support.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stepcompute-endings-'));
  putDatabase(folder);
  writeFileSync(join(folder, 'one.mjs'), 'export default () => 1;');
  // Says so past every stream, and never lets anybody go on.
  writeFileSync(
    join(folder, 'blocks.mjs'),
    `import { writeSync } from 'node:fs';
     export default ({ iterationId }) => {
       if (iterationId < 5) return iterationId;
       writeSync(2, 'blocked\\n');
       for (;;);
     };`,
  );
  inOneProcess(folder, ['run', '-n', '20000', '--seed', '1']);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Waits for ever. */
const patient = ['run', '-n', '500', '--delay', '1h', '--concurrency', '10'];
const signals = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const;

/** Gives each signal when the text has appeared, one after the other. */
function signalling(steps: readonly (readonly [text: string, signal: NodeJS.Signals])[]) {
  let step = 0;
  return (stderr: string, kill: (signal: NodeJS.Signals) => void): void => {
    while (step < steps.length && stderr.includes(steps[step]![0])) {
      kill(steps[step]![1]);
      step += 1;
    }
  };
}

function newestRun(): Record<string, unknown> {
  const [listed] = inOneProcess(folder, ['list', '--json']);
  return (JSON.parse(listed.stdout) as Record<string, unknown>[])[0]!;
}

describe('a signal', () => {
  it.each(signals)(
    '%s stops a run, which says what is stored and how to go on',
    async (signal, code) => {
      const outcome = await stepcompute(folder, patient, {
        onStderr: signalling([['500 repetitions', signal]]),
      });
      expect(outcome).toMatchObject({ code, signal, stdout: '' });
      expect(outcome.stderr).toMatch(
        /\nstepcompute: run (\d+) was cancelled: 0 of 500 values are stored, 0 failed, 500 missing\nTake it up again with: stepcompute resume \1\n$/,
      );
      expect(newestRun()).toMatchObject({ status: 'cancelled' });
    },
  );

  it.each(signals)('%s is told in JSON too when asked for', async (signal, code) => {
    writeFileSync(
      join(folder, 'signals.mjs'),
      `export default () => { process.kill(process.pid, '${signal}'); return new Promise(() => setTimeout(() => {}, 1e8)); };`,
    );
    const args = ['run', '-n', '5', '--db', 'memory', '--generator', 'signals.mjs', '--json'];
    const outcome = await stepcompute(folder, [...args, '--concurrency', '1']);
    expect(outcome).toMatchObject({ code, signal });
    expect(lastLine(outcome)).toMatchObject({ missing: 5, error: { code: 'CANCELLED' } });
  });

  it('SIGINT ends the wait for a server that says nothing', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    const connected = new Set<Socket>();
    server.on('connection', (socket) => connected.add(socket.on('error', () => undefined)));
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const outcome = await stepcompute(
      folder,
      ['list', '--db', `postgres://u@127.0.0.1:${port}/x`],
      {
        onStart: (child) => void server.once('connection', () => child.kill('SIGINT')),
      },
    );
    expect(outcome).toMatchObject({ code: 130, stderr: 'stepcompute: interrupted\n' });
    for (const socket of connected) socket.destroy();
    server.close();
  });

  it.each([
    ['as a shell starts it', { environment: { _: '/usr/bin/nohup' } }],
    ['in place of a terminal’s input', { unreadableInput: '/dev/null' }],
  ])('SIGHUP has no effect under nohup, %s', async (_, meddling) => {
    // Had it one, SIGTERM would be the second signal, and end at once.
    const onStderr = signalling([
      ['500 repetitions', 'SIGHUP'],
      ['500 repetitions', 'SIGTERM'],
    ]);
    const outcome = await stepcompute(folder, patient, { ...meddling, onStderr });
    expect(outcome).toMatchObject({ code: 143, signal: 'SIGTERM' });
    expect(outcome.stderr).toContain('was cancelled');
  });
});

describe('a second signal', () => {
  const atOnce = 'stepcompute: ended at once, by SIGINT\n';

  it('ends a simulation that never lets go, says what is stored, and leaves the folder usable', async () => {
    const alone = mkdtempSync(join(folder, 'alone-'));
    putDatabase(alone);
    const simulation = ['--generator', join(folder, 'blocks.mjs')];
    inOneProcess(alone, ['run', '-n', '5', ...simulation]);
    const outcome = await stepcompute(alone, ['extend', '1', '--to', '10'], {
      onStderr: signalling([
        ['blocked', 'SIGINT'],
        ['Still stopping; a second Ctrl-C ends at once', 'SIGINT'],
      ]),
    });
    expect(outcome).toMatchObject({ code: 130, signal: 'SIGINT', stdout: '' });
    expect(outcome.stderr.slice(outcome.stderr.indexOf(atOnce))).toBe(
      atOnce +
        'Run 1: 5 of 10 values are known to be stored\n' +
        'Take it up again with: stepcompute resume 1\n',
    );
    const [shown] = inOneProcess(alone, ['show', '1', '--json']);
    expect(lastLine(shown)).toMatchObject({ completed: 5, missing: 5 });
  });

  it.each([
    ['a file that never finishes loading', 'for (;;);'],
    [
      'a wait outside of JavaScript',
      'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);',
    ],
  ])('ends %s', async (_, source) => {
    writeFileSync(
      join(folder, 'loads.mjs'),
      `import { writeSync } from 'node:fs'; writeSync(2, 'blocked\\n'); ${source}`,
    );
    const outcome = await stepcompute(folder, ['run', '--generator', 'loads.mjs'], {
      onStderr: signalling([
        ['blocked', 'SIGINT'],
        ['Still stopping', 'SIGINT'],
      ]),
    });
    expect(outcome).toMatchObject({ code: 130, signal: 'SIGINT' });
    expect(outcome.stderr.endsWith(atOnce)).toBe(true);
  });
});

describe('a simulation that ends more than its iteration', () => {
  it.each<[what: string, source: string, reason: string, meddling: Meddling]>([
    [
      'exits',
      'export default () => process.exit(0);',
      'the simulation ended the command, with process.exit(0)',
      {},
    ],
    [
      'uses up the memory',
      'const all = []; export default () => { for (;;) all.push(new Array(1000).fill(0.5)); };',
      'the memory for JavaScript is used up',
      { heapMegabytes: 60 },
    ],
  ])('is told of when it %s, with what is stored', async (_, source, reason, meddling) => {
    writeFileSync(join(folder, 'ends.mjs'), source);
    const args = ['run', '-n', '5', '--generator', 'ends.mjs', '--db', 'memory'];
    const outcome = await stepcompute(folder, args, meddling);
    expect(outcome).toMatchObject({ code: 3, stdout: '' });
    expect(outcome.stderr).toContain(`stepcompute: ${reason}`);
    expect(outcome.stderr).toMatch(/\nRun 1 had 0 of 5 values, and memory keeps none\n$/);
  });
});

/** The ways in which commands print, in a folder with a run and a simulation. */
const printing = [
  ['values', '1'],
  ['values', '1', '--format', 'json'],
  ['values', '1', '--format', 'jsonl'],
  ['values', '1', '--format', 'parquet'],
  ['list'],
  ['show', '1', '--json'],
  ['failures', '1', '--json'],
  ['describe', 'one.mjs'],
  ['describe', 'one.mjs', '--json'],
  ['run', '--db', 'memory', '-n', '5'],
  ['run', '--db', 'memory', '-n', '5', '--json'],
  ['--help'],
].map((args) => [args] as const);
const stored =
  /^Run (\d+) completed: 5 of 5 values are stored, 0 failed, 0 missing\nSee its result with: stepcompute show \1\n$/m;

describe('a reader that goes away', () => {
  it.each(printing)('ends %j as by SIGPIPE, without a word', async (args) => {
    const outcome = await stepcompute(folder, args, {
      onStart: ({ stdout }) => void stdout?.destroy(),
    });
    expect(outcome).toMatchObject({ code: 141, signal: 'SIGPIPE' });
    expect(outcome.stderr).not.toContain('stepcompute:');
  });

  it('may have read some of it', async () => {
    const outcome = await stepcompute(folder, ['values', '1'], {
      onStart: ({ stdout }) => void stdout?.once('data', () => stdout.destroy()),
    });
    expect(outcome).toMatchObject({ code: 141, signal: 'SIGPIPE', stderr: '' });
  });

  it('is told where the result is that it has not read', async () => {
    const outcome = await stepcompute(folder, ['run', '-n', '5', '--json'], {
      onStart: ({ stdout }) => void stdout?.destroy(),
    });
    expect(outcome).toMatchObject({ code: 141, signal: 'SIGPIPE' });
    expect(outcome.stderr).toMatch(stored);
    expect(outcome.stderr).not.toContain('stepcompute:');
  });

  it('costs nothing when it is that of the notes', async () => {
    const outcome = await stepcompute(folder, ['run', '--db', 'memory', '-n', '5'], {
      onStart: ({ stderr }) => void stderr?.destroy(),
    });
    expect(outcome.code).toBe(0);
    expect(outcome.stdout).toContain('values\t5');
  });

  it('is a parent that was killed: its run goes on, and says where its result is', async () => {
    const go = join(folder, 'go');
    writeFileSync(
      join(folder, 'orphan.mjs'),
      `import { existsSync } from 'node:fs';
       import { setTimeout } from 'node:timers/promises';
       export default async () => { while (!existsSync('go')) await setTimeout(5); return 1; };`,
    );
    const parent =
      'const [program, ...words] = process.argv.slice(1);' +
      'require("node:child_process").spawn(program, words, { stdio: ["ignore", "pipe", "inherit"] });';
    // Ends when nobody holds standard error any more: with the command, which is not this process's child.
    const outcome = await stepcompute(folder, ['run', '-n', '5', '--generator', 'orphan.mjs'], {
      startedBy: [process.execPath, '-e', parent],
      onStart: (child) => void child.once('exit', () => writeFileSync(go, '')),
      onStderr: signalling([['5 repetitions', 'SIGKILL']]),
    });
    expect(outcome).toMatchObject({ code: 137 });
    expect(outcome.stderr).toMatch(stored);
    expect(newestRun()).toMatchObject({ status: 'completed', repetitions: 5 });
  });
});

describe('results that can’t be written', () => {
  const lost = /^stepcompute: standard output can't be written: E\w+: .*$/m;

  const full = '/dev/full';
  const onFullDevice = existsSync(full) ? it : it.skip;
  onFullDevice.each(printing)('are told of on a full disk: %j', async (args) => {
    const outcome = await stepcompute(folder, args, { stdoutTo: full });
    expect(outcome.code).toBe(8);
    expect(outcome.stderr.match(/^stepcompute: .*$/gm)).toEqual([expect.stringMatching(lost)]);
  });

  onFullDevice('are all that is told of, while more values are being read', async () => {
    const ran = await stepcompute(folder, ['run', '-n', '20000', '--json']);
    const { runId } = JSON.parse(ran.stdout) as { runId: number };
    const outcome = await stepcompute(folder, ['values', String(runId)], { stdoutTo: full });
    expect(outcome.code).toBe(8);
    expect(outcome.stderr).toMatch(/^stepcompute: standard output can't be written: .*\n$/);
  });

  onFullDevice('are in the database, and it is said', async () => {
    const outcome = await stepcompute(folder, ['run', '-n', '5', '--json'], { stdoutTo: full });
    expect(outcome.code).toBe(8);
    expect(outcome.stderr).toMatch(lost);
    expect(outcome.stderr).toMatch(stored);
  });

  it('are not taken for whole when they were cut short', async () => {
    const outcome = await stepcompute(folder, ['--help'], {
      stdoutTo: resolve(folder, 'short'),
      fileLimitKilobytes: 1,
    });
    expect(outcome.code).toBe(8);
    expect(outcome.stderr).toMatch(lost);
  });

  it('are given up with a standard output that is closed, and go into no other file', async () => {
    // Node opens /dev/null in its place before it runs any code.
    const outcome = await stepcompute(folder, ['run', '-n', '5', '--json'], {
      redirections: '>&-',
    });
    expect(outcome).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(newestRun()).toMatchObject({ status: 'completed', repetitions: 5 });
  });
});

const hasPython = spawnSync('python3', ['--version']).status === 0;
const onTerminal = hasPython ? describe : describe.skip;
onTerminal(`in a terminal${hasPython ? '' : ' (needs python3)'}`, () => {
  const launcher = resolve(__dirname, '../bin/stepcompute.js');
  const ctrlC = '\u0003';
  /** A text to wait for, and the keys to press then; null closes the terminal. */
  type Step = readonly [text: string, keys: string | null];

  function inTerminal(args: readonly string[], ...steps: Step[]): { code: number; screen: string } {
    const answer = execFileSync('python3', [join(__dirname, 'terminal.py')], {
      cwd: folder,
      // In CI a terminal is none that is drawn on.
      env: { ...process.env, NODE_OPTIONS: '', STEPCOMPUTE_DB: '', TERM: 'xterm', CI: '' },
      timeout: 300_000,
      input: JSON.stringify({ command: [process.execPath, launcher, ...args], steps }),
      encoding: 'utf8',
    });
    return JSON.parse(answer) as { code: number; screen: string };
  }

  it('that is closed, a run stops, and is recorded as cancelled', () => {
    expect(inTerminal(patient, ['0 of 500', null])).toMatchObject({ code: 129 });
    expect(newestRun()).toMatchObject({ status: 'cancelled', repetitions: 500 });
  });

  it('Ctrl-C stops a run', () => {
    const { code, screen } = inTerminal(patient, ['0 of 500', ctrlC]);
    expect(code).toBe(130);
    expect(screen).toMatch(
      /was cancelled: 0 of 500[^]*Take it up again with: stepcompute resume \d+\r\n/,
    );
  });

  it('a second Ctrl-C ends what never lets go, and leaves the terminal as it was', () => {
    const args = ['run', '-n', '10', '--generator', 'blocks.mjs', '--db', 'memory'];
    const { code, screen } = inTerminal(args, ['blocked', ctrlC], ['Still stopping', ctrlC]);
    expect(code).toBe(130);
    expect(screen).toMatch(/ended at once, by SIGINT\r\n[^]*Run 1 had 0 of 10 values/);
    // No mode of the terminal is changed that would be left so, such as a hidden cursor.
    expect(screen).not.toMatch(/\u001b\[\?\d+l/);
  });
});
