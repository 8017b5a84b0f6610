/** Takes StepCompute through chaos, and says what it came to. Exit code 1 when anything was found. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChaosSchedule, endure, plantedBugs } from '@stepcompute/core/testing';
import Table from 'cli-table3';
import { Command, InvalidArgumentError, Option } from 'commander';
import { killCommand } from './killed-command.mjs';
import { runInProcesses } from './processes.mjs';
import { runRehearsed } from './rehearsed.mjs';
import { inMemory } from './subjects.mjs';
import { Tally } from './tally.mjs';

const { createCluster } = createRequire(import.meta.url)('../testing/postgres/cluster.js');

const targets = {
  memory: 'in memory',
  pglite: 'PGlite, real kills',
  postgres: 'PostgreSQL, real kills, of the server too',
  inline: 'rehearsed on AWS, inline',
  distributed: 'rehearsed on AWS, distributed',
  command: 'stepcompute run, killed ten times',
};

const wholeNumber = (/** @type {string} */ text) => {
  if (!/^\d{1,7}$/.test(text)) throw new InvalidArgumentError('A whole number is needed.');
  return Number(text);
};

const options = new Command('chaos')
  .description('Takes runs through kills, restarts, lost answers and more, and examines them.')
  .option(
    '--schedules <count>',
    'how many, on each target; a tenth of it rehearsed',
    wholeNumber,
    20,
  )
  .option('--seed <integer>', 'of what they are drawn', wholeNumber, 1)
  .option('--schedule <number>', 'one schedule alone, to replay it', wholeNumber)
  .addOption(new Option('--target <names...>', 'which targets').choices(Object.keys(targets)))
  .option('--planted', 'test the kit itself: whether it finds the bugs planted in stores')
  .option('--json', 'print one JSON array on the last line')
  .parse()
  .opts();

const rows = options.planted ? await findPlanted() : await takeThroughChaos();
if (options.json) console.log(JSON.stringify(rows));

/** @param {number} [share] how much of them a target gets */
function schedulesOf(share = 1) {
  if (options.schedule !== undefined) return [options.schedule];
  return Array.from({ length: Math.ceil(options.schedules * share) }, (_, number) => number);
}

async function takeThroughChaos() {
  const reports = [];
  for (const target of options.target ?? Object.keys(targets)) {
    const share = target === 'inline' || target === 'distributed' ? 0.1 : 1;
    const schedules = target === 'command' ? [] : schedulesOf(share);
    const tally = new Tally(
      targets[/** @type {keyof typeof targets} */ (target)],
      schedules.length,
    );
    process.stderr.write(`${tally.name} …\n`);
    await perform(target, schedules, tally);
    if (tally.schedules === 0) continue;
    reports.push(tally.report);
  }
  print(reports);
  return reports;
}

/**
 * @param {string} target
 * @param {number[]} schedules
 * @param {Tally} tally
 */
async function perform(target, schedules, tally) {
  const { seed } = options;
  switch (target) {
    case 'memory': {
      const subject = inMemory();
      for (const number of schedules) {
        const schedule = new ChaosSchedule(seed, number);
        const { injected, findings } = await endure(schedule, subject);
        tally.inject(injected);
        tally.end(number, findings, schedule.repetitions);
      }
      return;
    }
    case 'pglite': {
      const folder = mkdtempSync(join(tmpdir(), 'stepcompute-chaos-'));
      await runInProcesses({ engine: 'pglite', place: folder, seed, schedules, tally });
      rmSync(folder, { recursive: true, force: true });
      return;
    }
    case 'postgres': {
      const cluster = createCluster({ durable: true });
      if (cluster === undefined) {
        process.stderr.write('  left out: there is no PostgreSQL to start here\n');
        return;
      }
      const { url: place, killAndStart: restart } = cluster;
      try {
        await runInProcesses({ engine: 'postgres', place, seed, schedules, restart, tally });
      } finally {
        cluster.remove();
      }
      return;
    }
    case 'inline':
    case 'distributed':
      return runRehearsed(target, seed, schedules, tally);
    case 'command':
      return killCommand(seed, tally);
  }
}

/** @param {ReturnType<typeof takeThroughChaos> extends Promise<infer T> ? T : never} reports */
function print(reports) {
  const table = new Table({
    head: [
      'target',
      'schedules',
      'values',
      'processes killed',
      'faults injected',
      'values lost',
      'duplicated',
      'wrong averages',
      'other findings',
      'seconds',
    ],
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: [24, 11, 10, 11, 10, 8, 12, 10, 10, 9],
  });
  for (const each of reports) {
    table.push([
      each.target,
      each.schedules,
      each.values,
      each.processesKilled,
      each.faultsInjected,
      each.lost,
      each.doubled,
      each.wrongAverages,
      each.otherFindings,
      each.seconds,
    ]);
  }
  console.log(table.toString());
  for (const { target, faults } of reports) {
    const list = Object.entries(faults).map(([fault, count]) => `${fault} ${count}`);
    if (list.length > 0) console.log(`${target}: ${list.join(', ')}`);
  }
  for (const { target, findings } of reports) {
    for (const { schedule, check, detail } of findings) {
      console.error(`${target}: schedule ${schedule}: ${check}: ${detail}`);
      process.exitCode = 1;
    }
  }
}

/** Whether the oracle finds each planted bug, and by which check. */
async function findPlanted() {
  const reports = [];
  for (const { name, foundBy, plant } of plantedBugs) {
    const subject = inMemory(plant);
    let schedule;
    for (const number of schedulesOf()) {
      const { findings } = await endure(new ChaosSchedule(options.seed, number), subject);
      if (findings.some(({ check }) => check === foundBy)) {
        schedule = number;
        break;
      }
    }
    reports.push({ bug: name, foundBy, schedule: schedule ?? null });
    if (schedule === undefined) process.exitCode = 1;
  }
  const table = new Table({
    head: ['planted bug', 'found by', 'in schedule'],
    style: { head: [], border: [] },
  });
  for (const { bug, foundBy, schedule } of reports) {
    table.push([bug, foundBy, schedule === null ? 'NOT FOUND' : schedule]);
  }
  console.log(table.toString());
  return reports;
}
