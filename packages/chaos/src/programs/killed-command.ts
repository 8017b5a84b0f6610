import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
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

/** Kills `stepcompute run` at random moments, resumes it each time, and compares the averages. */
export async function killCommand(seed: number, tally: Tally): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'stepcompute-killed-'));
  const random = new RandomStream(Seed.parse(seed), IterationId.parse(0));
  const begin = ['run', '-n', String(repetitions), '--delay', '5ms', '--seed', String(seed)];
  try {
    const uninterrupted = await finish([...begin, '--db', 'memory'], folder);
    while (tally.kills < kills) {
      // A run that ends before it was killed ten times is followed by another.
      const { runId, isKilled } = await run(begin, folder, random.uniform());
      if (!isKilled || runId === undefined) continue;
      tally.kills += 1;
      while (tally.kills < kills) {
        const resumed = await run(['resume', runId], folder, random.uniform());
        if (!resumed.isKilled) break;
        tally.kills += 1;
      }
      const resumed = await finish(['resume', runId], folder);
      tally.end(Number(runId), differences(resumed, uninterrupted), repetitions);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
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
  const place = args.includes('--db') ? [] : ['--db', 'database'];
  const child = spawn(process.execPath, [launcher(), ...args, ...place, '--json'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) {
    throw new Error(`stepcompute ${args.join(' ')} ended with ${String(code)}: ${text}`);
  }
  return JSON.parse(text) as Summary;
}

function launcher(): string {
  return join(dirname(require.resolve('@stepcompute/cli/package.json')), 'bin/stepcompute.js');
}
