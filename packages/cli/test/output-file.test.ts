import { spawnSync } from 'node:child_process';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { OutputFile } from '../src/output-file.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stepcompute-output-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('is refused where another has come meanwhile', async () => {
  const file = join(folder, 'values.csv');
  const output = new OutputFile('--out', file, false);
  writeFileSync(file, 'mine');
  await expect(output.write(['theirs'], new AbortController().signal)).rejects.toThrow(
    '--out must be a file that is not there yet (--force replaces it)',
  );
  expect(readdirSync(folder)).toEqual(['values.csv']);
  expect(readFileSync(file, 'utf8')).toBe('mine');
});

it('is replaced where a link leads, and its size told', async () => {
  writeFileSync(join(folder, 'values.csv'), 'mine');
  symlinkSync('values.csv', join(folder, 'link.csv'));
  const output = new OutputFile('--out', join(folder, 'link.csv'), true);
  expect(await output.write(['théirs'], new AbortController().signal)).toBe(7);
  expect(readFileSync(join(folder, 'values.csv'), 'utf8')).toBe('théirs');
});

it.each<[what: string, fails: () => AsyncGenerator<string>, abort: boolean]>([
  [
    'its content fails',
    async function* () {
      await Promise.resolve();
      yield 'half';
      throw new Error('the database is gone');
    },
    false,
  ],
  [
    'the command is interrupted',
    async function* () {
      yield 'half';
      await new Promise(() => undefined);
    },
    true,
  ],
])('is left as it was when %s', async (_, fails, abort) => {
  const file = join(folder, 'kept.csv');
  writeFileSync(file, 'mine');
  const controller = new AbortController();
  const writing = new OutputFile('--out', file, true).write(fails(), controller.signal);
  if (abort) controller.abort();
  else await expect(writing).rejects.toThrow(new Error('the database is gone'));
  expect(readdirSync(folder)).toEqual(['kept.csv']);
  expect(readFileSync(file, 'utf8')).toBe('mine');
});

it('is not made on a full disk', () => {
  const module = pathToFileURL(resolve(__dirname, '../dist/output-file.js'));
  const source = `
    import { OutputFile } from ${JSON.stringify(module)};
    async function* content() { for (;;) yield 'x'.repeat(1000); }
    await new OutputFile('--out', 'full.csv', false)
      .write(content(), new AbortController().signal)
      .catch(({ name, message }) => console.log(name + ': ' + message));`;
  const shell = 'ulimit -f 8; exec "$0" --input-type=module -e "$1"';
  const { stdout } = spawnSync('bash', ['-c', shell, process.execPath, source], {
    cwd: folder,
    encoding: 'utf8',
  });
  expect(stdout).toMatch(/^OutputError: full.csv can't be written: EFBIG.*\n$/);
  expect(readdirSync(folder)).toEqual([]);
});
