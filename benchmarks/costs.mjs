/**
 * The costs of runs with the ten-minute delay on AWS: ours as the rehearsal counts them while the synthesized
 * state machine and the bundles really run, beside the prototype's way and a floor, which are computed.
 * One table of prices for all, the rehearsal's. The database is apart; requests of the Data API are not.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { dollarsOf, Rehearsal } from '@stepcompute/rehearsal';
import Table from 'cli-table3';

export const costsTitle = 'What it costs on AWS';

const delaySeconds = 600;
/** AWS's limits. */
const mostEvents = 25_000;
const mostPayloadBytes = 256 * 1024;
const mostInlineAtOnce = 40;
/** Lambda's default, and the least there is, in GB. */
const leastMemory = 128 / 1024;
/** The least iterations in a block, unless the deployment says otherwise. */
const blockSize = 1_000;

/** The rehearsed deployments, by the context that the CDK app gets. */
const rehearsed = [
  {
    name: 'StepCompute, inline, as the document has it',
    repetitions: [1_000],
    context: { mode: 'inline' },
  },
  {
    name: 'StepCompute, inline, delay in a state',
    repetitions: [1_000],
    context: { mode: 'inline', delayIn: 'state' },
  },
  {
    name: 'StepCompute, distributed',
    repetitions: [1_000, 100_000, 1_000_000],
    context: { mode: 'distributed' },
  },
  {
    name: 'StepCompute, distributed, blocks of 10,000',
    repetitions: [1_000_000],
    context: { mode: 'distributed', blockSize: '10000' },
  },
];

/**
 * @typedef {object} Cost
 * @property {string} group
 * @property {string} name
 * @property {number} n repetitions
 * @property {'rehearsed' | 'computed'} basis
 * @property {number} stateTransitions
 * @property {number} lambdaRequests
 * @property {number} lambdaGigabyteSeconds
 * @property {number} dataApiRequests
 * @property {number} dollars
 * @property {number} prototypeCosts how many times as much the prototype's way costs
 * @property {number} timesFloor
 * @property {number} [rehearsalSeconds] what it took here to find out
 */

/** @returns {Promise<Cost[]>} */
export async function measureCosts() {
  /** @type {Omit<Cost, 'group' | 'prototypeCosts' | 'timesFloor'>[]} */
  const rows = [];
  for (const { name, repetitions, context } of rehearsed) {
    for (const n of repetitions) {
      process.stderr.write(`rehearsing ${n} repetitions: ${name} …\n`);
      rows.push({ name, n, basis: 'rehearsed', ...(await rehearse(n, context)) });
    }
  }
  const sizes = [...new Set(rows.map(({ n }) => n))].sort((a, b) => a - b);
  return sizes.flatMap((n) => {
    const prototype = computed('the prototype’s way', n, prototypeBill(n));
    const floor = computed('floor: all in one function', n, floorBill());
    const floors = n > blockSize ? [computed('floor: blocks of 1,000', n, blocksBill(n))] : [];
    return [prototype, ...rows.filter((row) => row.n === n), ...floors, floor].map((row) => ({
      group: costsTitle,
      ...row,
      prototypeCosts: prototype.dollars / row.dollars,
      timesFloor: row.dollars / floor.dollars,
    }));
  });
}

/** @param {number} n @param {Record<string, string>} context */
async function rehearse(n, context) {
  const assembly = mkdtempSync(join(tmpdir(), 'stepcompute-costs-'));
  try {
    const app = fileURLToPath(import.meta.resolve('@stepcompute/infra/app'));
    execFileSync(process.execPath, [app], {
      env: { ...process.env, CDK_OUTDIR: assembly, CDK_CONTEXT_JSON: JSON.stringify(context) },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const startedAt = performance.now();
    process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
    const rehearsal = await Rehearsal.start({
      assembly,
      timeScale: 60_000,
      scaledVariables: ['STEPCOMPUTE_DELAY_MS'],
    });
    try {
      await execute(rehearsal, n);
      const costs = rehearsal.costs();
      return {
        stateTransitions: costs.stateTransitions,
        lambdaRequests: costs.lambdaRequests,
        lambdaGigabyteSeconds: costs.lambdaGigabyteSeconds,
        dataApiRequests: costs.dataApiRequests,
        dollars: costs.dollars,
        rehearsalSeconds: (performance.now() - startedAt) / 1000,
      };
    } finally {
      await rehearsal.close();
    }
  } finally {
    rmSync(assembly, { recursive: true, force: true });
  }
}

/**
 * @param {Rehearsal} rehearsal @param {number} repetitions
 * @throws Error unless it ends with every value averaged
 */
async function execute({ endpoint, stateMachines }, repetitions) {
  const client = new SFNClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'rehearsal', secretAccessKey: 'rehearsal' },
  });
  const [stateMachineArn] = Object.values(stateMachines);
  const input = JSON.stringify({ repetitions, seed: 1 });
  const { executionArn } = await client.send(new StartExecutionCommand({ stateMachineArn, input }));
  for (;;) {
    const { status, output, error, cause } = await client.send(
      new DescribeExecutionCommand({ executionArn }),
    );
    if (status === 'SUCCEEDED' && JSON.parse(output ?? '{}').count === repetitions) return;
    if (status !== 'RUNNING')
      throw new Error(`the execution ended as ${status}: ${error} ${cause}`);
    await setTimeout(100);
  }
}

/** @param {string} name @param {number} n @param {Parameters<typeof dollarsOf>[0]} bill */
function computed(name, n, bill) {
  return { name, n, basis: /** @type {const} */ ('computed'), ...bill, dollars: dollarsOf(bill) };
}

/**
 * One function for each repetition, asleep through its delay, in the smallest memory and as if it did
 * nothing else; steps 1 and 3 as if they took no time. The Map is inline: an iteration is one state.
 * @param {number} n
 */
function prototypeBill(n) {
  return {
    stateTransitions: 5 + n,
    lambdaRequests: n + 2,
    lambdaGigabyteSeconds: n * delaySeconds * leastMemory,
    dataApiRequests: 0,
  };
}

/**
 * The document's five states, and its Map with a single item: a Wait, which costs nothing while it waits,
 * and one function that draws and stores everything. Each function in the smallest memory for the
 * millisecond that is billed at least, on a connection that is not billed.
 */
function floorBill() {
  return {
    stateTransitions: 5 + 2,
    lambdaRequests: 3,
    lambdaGigabyteSeconds: 3 * 0.001 * leastMemory,
    dataApiRequests: 0,
  };
}

/**
 * The floor for blocks that may run on as many machines: each starts a child of a distributed Map, since
 * an inline one has 40 iterations at a time at most, waits and calls a function.
 * @param {number} n
 */
function blocksBill(n) {
  const blocks = Math.ceil(n / blockSize);
  return {
    stateTransitions: 5 + 3 * blocks,
    lambdaRequests: blocks + 2,
    lambdaGigabyteSeconds: (blocks + 2) * 0.001 * leastMemory,
    dataApiRequests: 0,
  };
}

/** The limits of AWS that the prototype's way meets: an inline Map, its pairs in one payload. @param {number} n */
function prototypeLimits(n) {
  const events = 7 * n + 20;
  const pairs = Array.from({ length: n }, (_, index) => ({ run_id: 1, iteration_id: index }));
  const bytes = JSON.stringify(pairs).length;
  const hours = (Math.ceil(n / mostInlineAtOnce) * delaySeconds) / 3600;
  const stops = [
    ...(bytes > mostPayloadBytes ? ['the list does not fit a payload'] : []),
    ...(events > mostEvents ? ['the history is full'] : []),
  ];
  return { events, bytes, hours, stops };
}

/**
 * Prints the section, and answers with it in Markdown.
 * @param {Cost[]} rows
 */
export function reportCosts(rows) {
  const whole = (/** @type {number} */ value) => Math.round(value).toLocaleString('en-US');
  const head = [
    'repetitions',
    '',
    'state transitions',
    'Lambda requests',
    'GB-seconds',
    'Data API requests',
    'US dollars',
    'prototype ÷ it',
    'it ÷ floor',
  ];
  const short = (/** @type {number} */ value) =>
    value >= 1000 ? whole(value) : String(Number(value.toPrecision(3)));
  const cells = rows.map((row) => [
    whole(row.n),
    row.name,
    whole(row.stateTransitions),
    whole(row.lambdaRequests),
    short(row.lambdaGigabyteSeconds),
    whole(row.dataApiRequests),
    short(row.dollars),
    short(row.prototypeCosts),
    short(row.timesFloor),
  ]);
  const table = new Table({ head, style: { head: [], border: [] } });
  table.push(...cells);
  const notes = [
    `us-east-1, arm64, the database apart. StepCompute’s rows are rehearsed: the synthesized state machine and the bundles ran, with every value stored; time asleep is counted in full. Their GB-seconds at work are this machine’s, on Node ${process.version}.`,
    'The prototype’s way is computed: n + 5 transitions, n + 2 requests, n × 600 s × 128 MiB, nothing for work or for calls of its database.',
    'The floors are computed: the document’s five states, and a Map whose every item waits in a state and calls one function. One item for all n: 5 + 2 transitions, 3 requests. With b blocks as children of a distributed Map: 5 + 3b transitions, b + 2 requests. Each request is 1 ms in 128 MiB, on a connection that costs nothing.',
    ...[...new Set(rows.map(({ n }) => n))].map((n) => {
      const { events, bytes, hours, stops } = prototypeLimits(n);
      const verdict =
        stops.length === 0
          ? 'that is within the limits'
          : `it can’t finish: ${stops.join(', and ')}`;
      const time = hours < 48 ? `${short(hours)} hours` : `${short(hours / 24)} days`;
      return `The prototype’s way with ${whole(n)}: ${whole(events)} events of ${whole(mostEvents)}, a list of ${whole(bytes)} bytes of ${whole(mostPayloadBytes)}, and ${mostInlineAtOnce} at a time, which takes ${time}; ${verdict}.`;
    }),
  ];
  console.log(`\n${costsTitle}\n${table.toString()}\n${notes.join('\n')}`);
  return (
    `\n## ${costsTitle}\n\n| ${head.join(' | ')} |\n|${head.map(() => ' --- |').join('')}\n` +
    cells.map((line) => `| ${line.join(' | ')} |\n`).join('') +
    `\n${notes.map((note) => `- ${note}`).join('\n')}\n`
  );
}
