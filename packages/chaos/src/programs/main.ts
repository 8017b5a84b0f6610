import { Seed } from '@stepcompute/core';
import { Command, Option } from 'commander';
import { ChaosSchedule } from '../chaos-schedule.js';
import type { Schedules } from './task.js';
import { findPlantedBugs } from './find-planted-bugs.js';
import { printPlantedBugs, printReports } from './print.js';
import { Tally, type Report } from './tally.js';
import { missingPackages, targets, UnavailableError } from './targets.js';
import { wholeNumber } from './whole-number.js';

interface Options {
  readonly schedules: number;
  readonly seed: number;
  readonly schedule?: number;
  readonly target?: readonly string[];
  readonly planted?: true;
  readonly json?: true;
}

/**
 * The program `stepcompute-chaos`. Its exit code is 1 when it found anything, and when it could not
 * run a target that was asked for by name.
 */
export async function main(argv: readonly string[]): Promise<void> {
  const options = parse(argv);
  const rows = options.planted ? await testKit(options) : await takeThroughChaos(options);
  if (options.json) console.log(JSON.stringify(rows));
}

function parse(argv: readonly string[]): Options {
  return new Command('stepcompute-chaos')
    .description(
      'Takes runs through kills, restarts, changed simulations and more, and examines them.',
    )
    .option(
      '--schedules <count>',
      'how many, on each target; a tenth of it rehearsed',
      wholeNumber(1, ChaosSchedule.maximumNumber + 1),
      20,
    )
    .option('--seed <integer>', 'from which they are drawn', wholeNumber(0, Seed.maximum), 1)
    .option(
      '--schedule <number>',
      'one schedule alone, to replay it',
      wholeNumber(0, ChaosSchedule.maximumNumber),
    )
    .addOption(
      new Option('--target <names...>', 'where (default: everywhere)').choices([...targets.keys()]),
    )
    .option('--planted', 'test the kit itself: does it find the planted bugs?')
    .option('--json', 'print one JSON array on the last line')
    .parse(argv)
    .opts<Options>();
}

function schedulesOf({ schedule, schedules }: Options, share = 1): Schedules {
  if (schedule !== undefined) return { first: schedule, count: 1 };
  return { first: 0, count: Math.ceil(schedules * share) };
}

async function takeThroughChaos(options: Options): Promise<readonly Report[]> {
  const reports: Report[] = [];
  for (const name of options.target ?? targets.keys()) {
    const target = targets.get(name)!;
    const schedules = schedulesOf(options, target.share);
    const tally = new Tally(target.title, schedules.count);
    process.stderr.write(`${target.title} …\n`);
    try {
      const missing = missingPackages(target);
      if (missing.length > 0) {
        throw new UnavailableError(`install ${missing.join(', ')} beside @stepcompute/chaos`);
      }
      await target.run({ seed: options.seed, schedules, tally });
      reports.push(tally.report);
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      process.stderr.write(`  left out: ${error.message}\n`);
      if (options.target !== undefined) process.exitCode = 1;
    }
  }
  printReports(reports);
  if (reports.some(({ findings }) => findings.length > 0)) process.exitCode = 1;
  return reports;
}

async function testKit(options: Options): Promise<readonly unknown[]> {
  const found = await findPlantedBugs(options.seed, schedulesOf(options));
  printPlantedBugs(found);
  if (found.some(({ schedule }) => schedule === null)) process.exitCode = 1;
  return found;
}
