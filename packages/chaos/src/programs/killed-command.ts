import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { IterationId, RandomStream, Seed } from '@stepcompute/core';
import type { Finding } from '../oracle.js';
import type { Tally } from './tally.js';

const repetitions = 20_000;
const kills = 10;
/** Roughly how long the run takes once it has begun. */
const longestWaitMs = 200;

/** The exit code for a simulation that is not the run's. */
const refused = 2;
const file = 'simulation.mjs';

/** @param more a change: so much more does each value come to */
function simulationText(more: number): string {
  return `export default {
  parameters: { scale: 1, offset: 0 },
  generate: ({ random, parameters: { scale, offset } }) =>
    scale * random.integer(0, 1000) + offset + ${more},
};
`;
}

/**
 * Kills `stepcompute run` at random moments, resumes it each time, and compares the averages. Before it is
 * resumed, its simulation's file is changed for a while, with which it must not go on.
 */
export async function killCommand(seed: number, tally: Tally): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'stepcompute-killed-'));
  const random = new RandomStream(Seed.parse(seed), IterationId.parse(0));
  const begin = ['run', '-n', String(repetitions), '--delay', '5ms', '--seed', String(seed)];
  begin.push('--generator', file, '--param', 'scale=3', '--param', 'offset=17');
  const write = (more: number): void => writeFileSync(join(folder, file), simulationText(more));
  write(0);
  try {
    const uninterrupted = await finish([...begin, '--db', 'memory'], folder);
    while (tally.kills < kills) {
      // A run that ends before it was killed ten times is followed by another.
      const { runId, isKilled } = await run(begin, folder, random.uniform());
      if (!isKilled || runId === undefined) continue;
      tally.kills += 1;
      const changed = await whileChanged(runId, folder, write);
      while (tally.kills < kills) {
        const resumed = await run(['resume', runId], folder, random.uniform());
        if (!resumed.isKilled) break;
        tally.kills += 1;
      }
      const resumed = await finish(['resume', runId], folder);
      const findings = [...(changed ?? []), ...differences(resumed, uninterrupted)];
      if (changed !== undefined) tally.inject([['changed simulation', 1]]);
      tally.end(Number(runId), findings, repetitions);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Resumes the run with a changed simulation, which must be refused and change nothing.
 * @returns undefined when all of its values were stored, so that it needs no simulation
 */
async function whileChanged(
  runId: string,
  folder: string,
  write: (more: number) => void,
): Promise<readonly Finding[] | undefined> {
  const look = (): Promise<string> => output(['show', runId, '--json'], folder, 0);
  const before = await look();
  if ((JSON.parse(before) as Summary).missing === 0) return undefined;
  write(1000);
  await output(['resume', runId, '--json'], folder, refused);
  write(0);
  const after = await look();
  if (after === before) return [];
  return [{ check: 'changed simulation', detail: `${before.trim()} became ${after.trim()}` }];
}

type Summary = Readonly<Record<string, unknown>>;

function differences(resumed: Summary, uninterrupted: Summary): readonly Finding[] {
  return ['count', 'average', 'standardDeviation', 'min', 'max', 'missing']
    .filter((field) => resumed[field] !== uninterrupted[field])
    .map((field) => ({
      check: 'average',
      detail: `${field} is ${String(resumed[field])}, uninterrupted it is ${String(uninterrupted[field])}`,
    }));
}

/**
 * Runs the command, and kills it some time after its run has begun, unless it has ended by then.
 * @param moment of the kill, 0 … 1
 */
async function run(
  args: readonly string[],
  folder: string,
  moment: number,
): Promise<{ readonly runId: string | undefined; readonly isKilled: boolean }> {
  const child = spawn(process.execPath, [launcher(), ...args, '--db', 'database'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise((resolve) => child.once('close', (_, signal) => resolve(signal)));
  let runId: string | undefined;
  const begun = new Promise<void>((resolve) => {
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      [, runId] = /^Run (\d+): /m.exec(text) ?? [];
      if (runId !== undefined) resolve();
    });
  });
  await Promise.race([ended, begun]);
  await Promise.race([ended, wait(moment * longestWaitMs)]);
  child.kill('SIGKILL');
  return { isKilled: (await ended) === 'SIGKILL', runId };
}

/** Runs the command to its end; returns the JSON that it prints. */
async function finish(args: readonly string[], folder: string): Promise<Summary> {
  return JSON.parse(await output([...args, '--json'], folder, 0)) as Summary;
}

/** Runs the command to the end that it must have; returns what it prints. */
async function output(args: readonly string[], folder: string, code: number): Promise<string> {
  const place = args.includes('--db') ? [] : ['--db', 'database'];
  const child = spawn(process.execPath, [launcher(), ...args, ...place], {
    cwd: folder,
    stdio: ['ignore', 'pipe', code === 0 ? 'inherit' : 'ignore'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  const ended = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (ended !== code) {
    throw new Error(`stepcompute ${args.join(' ')} ended with ${String(ended)}: ${text}`);
  }
  return text;
}

function launcher(): string {
  return join(dirname(require.resolve('@stepcompute/cli/package.json')), 'bin/stepcompute.js');
}
