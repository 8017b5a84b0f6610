import { spawnSync } from 'node:child_process';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
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

it('does not replace another that comes at the last moment', async () => {
  const file = join(folder, 'values.csv');
  async function* content() {
    yield await Promise.resolve('theirs');
    writeFileSync(file, 'mine');
  }
  const output = new OutputFile('--out', file, false);
  await expect(output.write(content(), new AbortController().signal)).rejects.toThrow(
    '--out must be a file that is not there yet',
  );
  expect(readFileSync(file, 'utf8')).toBe('mine');
});

it('keeps the rights of the file that it replaces', async () => {
  const file = join(folder, 'values.csv');
  writeFileSync(file, 'mine', { mode: 0o600 });
  await new OutputFile('--out', file, true).write(['theirs'], new AbortController().signal);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

it('may have as long a name as the file system takes', async () => {
  const file = join(folder, 'v'.repeat(255));
  await new OutputFile('--out', file, false).write(['values'], new AbortController().signal);
  expect(readFileSync(file, 'utf8')).toBe('values');
});

it('is made where a link leads that leads nowhere yet', async () => {
  symlinkSync('values.csv', join(folder, 'link.csv'));
  const output = new OutputFile('--out', join(folder, 'link.csv'), false);
  await output.write(['values'], new AbortController().signal);
  expect(readFileSync(join(folder, 'values.csv'), 'utf8')).toBe('values');
});

it('is not begun by a command that was interrupted before', async () => {
  const output = new OutputFile('--out', join(folder, 'values.csv'), false);
  await expect(output.write(['values'], AbortSignal.abort())).rejects.toThrow('aborted');
  expect(readdirSync(folder)).toEqual([]);
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
