import Table from 'cli-table3';
import type { FoundBug } from './find-planted-bugs.js';
import type { Report } from './tally.js';

/** Prints a table of the reports, then the faults of each, and each finding to the error output. */
export function printReports(reports: readonly Report[]): void {
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
    }
  }
}

export function printPlantedBugs(found: readonly FoundBug[]): void {
  const table = new Table({
    head: ['planted bug', 'found by', 'in schedule'],
    style: { head: [], border: [] },
  });
  for (const { bug, foundBy, schedule } of found) {
    table.push([bug, foundBy, schedule ?? 'NOT FOUND']);
  }
  console.log(table.toString());
}
