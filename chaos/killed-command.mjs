/** Kills `stepcompute run` at random moments, resumes it each time, and compares the averages. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { IterationId, RandomStream, Seed } from '@stepcompute/core';

const launcher = fileURLToPath(new URL('../packages/cli/bin/stepcompute.js', import.meta.url));
const repetitions = 20_000;
const kills = 10;
/** Roughly how long the run takes once it has begun. */
const longestWaitMs = 200;

/**
 * @param {number} seed
 * @param {import('./tally.mjs').Tally} tally
 */
export async function killCommand(seed, tally) {
  const folder = mkdtempSync(join(tmpdir(), 'stepcompute-killed-'));
  const random = new RandomStream(Seed.parse(seed), IterationId.parse(0));
  const begin = ['run', '-n', String(repetitions), '--delay', '5ms', '--seed', String(seed)];
  try {
    const uninterrupted = await finish([...begin, '--db', 'memory'], folder);
    while (tally.kills < kills) {
      // One that comes to its end before it was killed ten times is followed by another.
      let { runId, isKilled } = await run(begin, folder, random.uniform());
      if (!isKilled || runId === undefined) continue;
      tally.kills += 1;
      while (tally.kills < kills && isKilled) {
        ({ isKilled } = await run(['resume', runId], folder, random.uniform()));
        if (isKilled) tally.kills += 1;
      }
      const resumed = await finish(['resume', runId], folder);
      const findings = ['count', 'average', 'standardDeviation', 'min', 'max', 'missing']
        .filter((field) => resumed[field] !== uninterrupted[field])
        .map((field) => ({
          check: 'average',
          detail: `${field} is ${resumed[field]}, uninterrupted it is ${uninterrupted[field]}`,
        }));
      tally.end(Number(runId), findings, repetitions);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Runs the command until it ends or is killed, which it is at a moment after its run has begun.
 * @param {readonly string[]} args
 * @param {string} folder
 * @param {number} moment 0 … 1
 * @returns {Promise<{ runId: string | undefined, isKilled: boolean }>}
 */
async function run(args, folder, moment) {
  const child = spawn(process.execPath, [launcher, ...args, '--db', 'database'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise((resolve) => child.once('close', (_, signal) => resolve(signal)));
  let runId;
  const begun = new Promise((resolve) => {
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (piece) => {
      text += piece;
      [, runId] = /^Run (\d+): /m.exec(text) ?? [];
      if (runId !== undefined) resolve(undefined);
    });
  });
  await Promise.race([ended, begun]);
  await Promise.race([ended, wait(moment * longestWaitMs)]);
  child.kill('SIGKILL');
  return { runId, isKilled: (await ended) === 'SIGKILL' };
}

/**
 * @param {readonly string[]} args
 * @param {string} folder
 * @returns {Promise<Record<string, unknown>>} what it says as JSON
 */
async function finish(args, folder) {
  const place = args.includes('--db') ? [] : ['--db', 'database'];
  const child = spawn(process.execPath, [launcher, ...args, ...place, '--json'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece) => (text += piece));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`stepcompute ${args.join(' ')} ended with ${code}: ${text}`);
  return JSON.parse(text);
}
