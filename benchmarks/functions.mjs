/**
 * The size of each Lambda function's bundle, how long it takes to load, and how long until its first event
 * has its first statement on the way, beside a function that does nothing but send one statement to the
 * Data API. Fresh processes, in turn, medians. `--json` prints a JSON array instead of a table.
 */
import { spawn, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCloudAssembly } from '@stepcompute/rehearsal';
import Table from 'cli-table3';
import { build } from 'esbuild';

const rounds = 15;
const bareFunction = fileURLToPath(new URL('bare-function.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'stepcompute-functions-'));

const target = {
  resourceArn: 'arn:aws:rds:us-east-1:123456789012:cluster:bench',
  secretArn: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:bench',
  database: 'bench',
};
const pair = { runId: 1, iterationId: 0 };
/** An event that gets each function as far as a statement. */
const events = {
  RetrieveRunId: { repetitions: 1 },
  WriteToDb: pair,
  RecordFailure: { ...pair, error: { Error: 'Sandbox.Timedout', Cause: '' } },
  AggregateAndStoreValue: [pair],
  Migrate: {},
};

/** @type {((at: bigint) => void) | undefined} */
let arrived;
const dataApi = createServer((_, response) => {
  arrived?.(process.hrtime.bigint());
  response.writeHead(400, { 'x-amzn-errortype': 'BadRequestException' }).end('{}');
});

try {
  await new Promise((resolve) => dataApi.listen(0, '127.0.0.1', () => resolve(undefined)));
  execFileSync(process.execPath, [fileURLToPath(import.meta.resolve('@stepcompute/infra/app'))], {
    env: { ...process.env, CDK_OUTDIR: join(folder, 'assembly') },
    stdio: 'ignore',
  });
  const statement = { ...target, sql: 'SELECT 1' };
  const bundles = [
    { name: 'an empty file', file: await writeEmpty() },
    { name: 'a bare Data API function', file: await buildBare(), event: statement },
    {
      name: 'the same, bundled as ours are',
      file: bundleBareAsOurs(),
      event: statement,
    },
    ...readCloudAssembly(join(folder, 'assembly')).functions.map(({ logicalId, code }) => {
      const name = logicalId.replace(/[0-9A-F]{8}$/, '');
      return { name, file: join(code, 'index.mjs'), event: events[name] };
    }),
  ];
  const times = await measure(bundles);
  const round = (value) => Math.round(value * 100) / 100;
  const rows = bundles.map(({ name, file }, index) => {
    const { loadMs, statementMs } = times[index];
    return {
      name,
      bytes: statSync(file).size,
      loadMs: round(loadMs),
      timesBare: round(loadMs / times[1].loadMs),
      timesBareLikeOurs: round(loadMs / times[2].loadMs),
      statementMs: round(statementMs),
      statementTimesBare: round(statementMs / times[1].statementMs),
      statementTimesBareLikeOurs: round(statementMs / times[2].statementMs),
    };
  });
  if (process.argv.includes('--json')) console.log(JSON.stringify(rows));
  else print(rows);
} finally {
  dataApi.close();
  rmSync(folder, { recursive: true, force: true });
}

async function writeEmpty() {
  const file = join(folder, 'empty.cjs');
  writeFileSync(file, '');
  return file;
}

/** Minified, whole, and otherwise as esbuild bundles for Node unless it is told more. */
async function buildBare() {
  const outfile = join(folder, 'bare.cjs');
  await build({
    entryPoints: [bareFunction],
    outfile,
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node24',
  });
  return outfile;
}

/** By the program that bundles the functions. */
function bundleBareAsOurs() {
  const asset = join(folder, 'like-ours');
  mkdirSync(asset);
  const program = new URL('./bundle-function.js', import.meta.resolve('@stepcompute/infra/app'));
  const request = { handler: bareFunction, databases: ['data-api'], architecture: 'arm64' };
  execFileSync(process.execPath, [fileURLToPath(program), asset, JSON.stringify(request)]);
  return join(asset, 'index.mjs');
}

/** The median times of each bundle in processes of its own; the bundles take turns. */
async function measure(bundles) {
  const samples = bundles.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, bundle] of bundles.entries()) samples[index].push(await start(bundle));
  }
  const median = (numbers) => numbers.sort((a, b) => a - b)[(rounds - 1) / 2];
  return samples.map((times) => ({
    loadMs: median(times.map(({ loadMs }) => loadMs)),
    statementMs: median(times.map(({ statementMs }) => statementMs)),
  }));
}

/** A process's clock is the machine's: what it says and when its statement arrives can be compared. */
async function start({ name, file, event }) {
  // Lambda's runtime is an ES module, too, and loads each kind of module as it wants to be.
  const program = `
    import { writeSync } from 'node:fs';
    import { createRequire } from 'node:module';
    const load = ${file.endsWith('.mjs') ? '(file) => import(file)' : 'createRequire(import.meta.url)'};
    const start = process.hrtime.bigint();
    const { handler } = await load(${JSON.stringify(file)});
    const loaded = process.hrtime.bigint();
    handler?.(${JSON.stringify(event)}, { awsRequestId: 'bench' }).catch(() => {});
    writeSync(3, start + ' ' + loaded);`;
  const env = {
    PATH: process.env.PATH,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'bench',
    AWS_SECRET_ACCESS_KEY: 'bench',
    AWS_ENDPOINT_URL_RDS_DATA: `http://127.0.0.1:${dataApi.address().port}`,
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    STEPCOMPUTE_CLUSTER_ARN: target.resourceArn,
    STEPCOMPUTE_SECRET_ARN: target.secretArn,
    STEPCOMPUTE_DATABASE: target.database,
  };
  const statement =
    event === undefined ? undefined : new Promise((resolve) => void (arrived = resolve));
  const stdio = /** @type {const} */ (['ignore', 'ignore', 'inherit', 'pipe']);
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { env, stdio });
  let told = '';
  child.stdio[3].on('data', (piece) => (told += piece));
  const closed = new Promise((resolve) => child.on('close', resolve));
  const silence = closed.then(() => {
    if (event !== undefined && arrived !== undefined) throw new Error(`${name} sent no statement`);
  });
  const at = await Promise.race([statement ?? closed, silence]);
  arrived = undefined;
  child.kill('SIGKILL');
  await closed;
  const [begun, loaded] = told.split(' ').map(BigInt);
  const since = (moment) => Number(moment - begun) / 1e6;
  return { loadMs: since(loaded), statementMs: event === undefined ? NaN : since(at) };
}

function print(rows) {
  const table = new Table({
    head: [
      'function',
      'kB',
      'load, ms',
      '× bare',
      '× like ours',
      'statement, ms',
      '× bare',
      '× like ours',
    ],
    style: { head: [], border: [] },
  });
  const text = (value) => (Number.isNaN(value) ? '' : value.toPrecision(3));
  for (const { name, bytes, ...figures } of rows) {
    table.push([name, Math.round(bytes / 1000), ...Object.values(figures).map(text)]);
  }
  console.log(table.toString());
  console.log(
    `Node ${process.version}, ${process.platform} ${process.arch}, medians of ${rounds} rounds`,
  );
}
