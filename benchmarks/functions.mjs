/**
 * The size of each Lambda function's bundle and how long it takes to load, beside a function that does
 * nothing but send one statement to the Data API. `--json` prints a JSON array instead of a table.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCloudAssembly } from '@stepcompute/rehearsal';
import Table from 'cli-table3';
import { build } from 'esbuild';

const rounds = 9;
const folder = mkdtempSync(join(tmpdir(), 'stepcompute-functions-'));

try {
  execFileSync(process.execPath, [fileURLToPath(import.meta.resolve('@stepcompute/infra/app'))], {
    env: { ...process.env, CDK_OUTDIR: join(folder, 'assembly') },
    stdio: 'ignore',
  });
  const bundles = [
    { name: 'an empty file', file: await writeEmpty() },
    { name: 'a bare Data API function', file: await buildBare() },
    ...readCloudAssembly(join(folder, 'assembly')).functions.map(({ logicalId, code }) => ({
      name: logicalId.replace(/[0-9A-F]{8}$/, ''),
      file: join(code, 'index.js'),
    })),
  ];
  const times = measure(bundles.map(({ file }) => file));
  const rows = bundles.map(({ name, file }, index) => ({
    name,
    bytes: statSync(file).size,
    loadMs: Math.round(times[index] * 10) / 10,
    timesBare: Math.round((times[index] / times[1]) * 100) / 100,
  }));
  if (process.argv.includes('--json')) console.log(JSON.stringify(rows));
  else print(rows);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function writeEmpty() {
  const file = join(folder, 'empty.js');
  writeFileSync(file, '');
  return file;
}

/** Bundled with the same settings as the functions are. */
async function buildBare() {
  const entry = fileURLToPath(new URL('bare-function.mjs', import.meta.url));
  const outfile = join(folder, 'bare.js');
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    logLevel: 'error',
  });
  return outfile;
}

/** The median time to load each file in a process of its own, in milliseconds; the files take turns. */
function measure(files) {
  const samples = files.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    files.forEach((file, index) => samples[index].push(loadMs(file)));
  }
  return samples.map((times) => times.sort((a, b) => a - b)[(rounds - 1) / 2]);
}

function loadMs(file) {
  const program = `
    const start = process.hrtime.bigint();
    require(${JSON.stringify(file)});
    console.log(Number(process.hrtime.bigint() - start) / 1e6);
    process.exit();`;
  const env = { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' };
  return Number(execFileSync(process.execPath, ['-e', program], { env, encoding: 'utf8' }));
}

function print(rows) {
  const table = new Table({
    head: ['function', 'kB', 'load, ms', '× bare'],
    style: { head: [], border: [] },
  });
  for (const { name, bytes, loadMs: ms, timesBare } of rows) {
    table.push([name, Math.round(bytes / 1000), ms, timesBare]);
  }
  console.log(table.toString());
  console.log(
    `Node ${process.version}, ${process.platform} ${process.arch}, median of ${rounds} rounds`,
  );
}
