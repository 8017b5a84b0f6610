import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { declarations, inOneProcess, putDatabase } from './support.js';

const secret = 'hunter2-swordfish';

const oddText = fc.oneof(
  fc.constantFrom('', ' ', '-', '--', '-1', '0', '1.5', '1e3', 'NaN', 'Infinity', '9'.repeat(400)),
  fc.constantFrom(
    'null',
    '__proto__',
    '../..',
    '/proc/self/mem',
    '/dev/null',
    'file:///',
    '💥\u0000',
  ),
  fc.string({ unit: 'binary', maxLength: 30 }),
);
/** Values that options can have; none that would have a good run last. */
const value = fc.oneof(
  fc.constantFrom('3', '7', '1ms', '5%', 'csv', 'simulation.mjs', '0.5,1', 'mean(value) < 3'),
  oddText,
);
const option = fc.oneof(
  fc.tuple(
    fc.constantFrom(
      ...['-n', '--seed', '--concurrency', '--workers', '--generator', '--tolerate', '--attempts'],
      ...['--retry-on', '--delay', '--limit', '--format', '--to', '--timeout'],
      // Refused without --until-precision, with which a run might go on for long: all but the last two.
      ...['--measure', '--confidence', '--min', '--max', '--quantiles', '--check'],
    ),
    value,
  ),
  fc.tuple(fc.constantFrom('--json', '--verbose', '--header', '--help', '--odd')),
  fc.tuple(oddText),
);
const place = fc.constantFrom(
  'memory',
  ...['.stepcompute', '.stepcompute', '.stepcompute'],
  '',
  'http://x',
  `postgres://user:${secret}@127.0.0.1:1/x`,
  `postgres://user:${secret}@127.0.0.1:1/x?sslmode=odd&password=${secret}`,
  'postgres://',
);
const run = fc.oneof(fc.constantFrom('1', '2', '99'), oddText);
/** Each command with the arguments that it takes. */
const command = fc.oneof(
  fc.constantFrom(['run'], ['list'], ['migrate']),
  fc.tuple(fc.constantFrom('resume', 'extend', 'show', 'failures', 'values'), run),
  fc.tuple(fc.constant('replay'), run, run),
  // `rehearse` synthesizes for seconds before it could fail; its options are parsed as the others’ are.
  fc.tuple(oddText.filter((text) => text !== 'rehearse')),
);
const commandLine = fc
  .tuple(command, fc.array(option, { maxLength: 3 }), place)
  .map(([words, others, db]) => [...words, ...others.flat(), '--db', db]);

describe('whatever is typed', () => {
  it('ends with an exit code that says why, and never tells a secret or a stack', () => {
    const folder = mkdtempSync(join(tmpdir(), 'stepcompute-fuzz-'));
    try {
      writeFileSync(join(folder, 'simulation.mjs'), 'export default () => 1;');
      putDatabase(folder);
      const first = ['run', '-n', '3', '--seed', '1'];
      const lines = [first, ...fc.sample(commandLine, { numRuns: 300, seed: 1 })];
      const outcomes = inOneProcess(folder, ...lines);
      expect(outcomes).toHaveLength(lines.length);
      for (const { args, code, stdout, stderr } of outcomes) {
        const said = stdout + stderr;
        // 1 would be a bug; 130 an interruption, which there was none of.
        expect({ args, said, isExpected: [0, 2, 3, 4, 5, 6, 7].includes(code) }).toMatchObject({
          isExpected: true,
        });
        expect(said).not.toContain(secret);
        if (!args.includes('--verbose')) expect(said).not.toMatch(/^\s+at /m);
        if (code !== 0) expect(said).not.toBe('');
      }
      expect(new Set(outcomes.map(({ code }) => code)).size).toBeGreaterThan(3);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('a secret in the wrong place', () => {
  /** Whichever half of it is told, the secret is. */
  const halves = ['hunter2', 'swordfish'];
  const typed = [
    'postgres://user:hunter2@swordfish@127.0.0.1:1/db',
    'postgresql://user:hunter2/swordfish@127.0.0.1:1/db?sslmode=disable',
    'postgres://user@127.0.0.1:1/db?password=hunter2-swordfish',
    'postgres:/user:hunter2#swordfish@127.0.0.1:1/db',
    'mysql://user:hunter2@sword/../swordfish@127.0.0.1/db',
    'user:hunter2@swordfish@127.0.0.1',
    'host=127.0.0.1 port=1 user=me password=hunter2\\ swordfish dbname=db',
    '{"password": "hunter2 \\"swordfish"}',
    'PGPASSWORD=hunter2-swordfish',
  ];
  /** Free text of the user's own, which is part of a run's record. */
  const data = ['-p, --param <name=value>', '--label <text>'];

  it('is never told, whichever option or argument of whichever command it was typed for', () => {
    const folder = mkdtempSync(join(tmpdir(), 'stepcompute-secrets-'));
    try {
      putDatabase(folder);
      const lines = declarations().commands.flatMap(({ usage, options }) => {
        const [name = '', ...places] = usage.split(' ');
        const ids = places.map(() => '1');
        const flags = options
          .filter((option) => /[<[]/.test(option.flags) && !data.includes(option.flags))
          // A database that could be one is waited for, and what would be deployed takes seconds.
          .filter((option) => !option.flags.startsWith('--db') || name !== 'rehearse')
          .map((option) => /--[\w-]+/.exec(option.flags)![0]);
        return typed.flatMap((secret) => [
          ...flags.map((flag) => [name, ...ids, `${flag}=${secret}`]),
          ...places.map((_, place) => [name, ...ids.with(place, secret)]),
          [name, ...ids, secret],
          [name, ...ids, `--${secret}`],
          [secret, name],
        ]);
      });
      const outcomes = inOneProcess(
        folder,
        ...lines.map((line) => [...line, '--json', '--verbose']),
      );
      expect(outcomes.length).toBeGreaterThan(500);
      const told = outcomes.filter(({ stdout, stderr }) =>
        halves.some((half) => (stdout + stderr).includes(half)),
      );
      expect(told).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
