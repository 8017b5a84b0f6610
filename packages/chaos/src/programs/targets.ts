import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PostgresCluster } from '../postgres-cluster.js';
import { endureAll, type Task } from './task.js';
import { killCommand } from './killed-command.js';
import { runInProcesses } from './processes.js';
import { inMemory } from './subjects.js';

/** A place in which runs are taken through chaos. */
export interface Target {
  readonly title: string;
  /** The packages that it needs beside those that come with this one. */
  readonly needs: readonly string[];
  /** Its part of the schedules: one that takes seconds for each gets a tenth. */
  readonly share: number;
  /** @throws UnavailableError */
  readonly run: (task: Task) => Promise<void>;
}

/** A target lacks something that this machine does not have; the message says what. */
export class UnavailableError extends Error {}

const rehearsed = [
  '@stepcompute/aws-adapter',
  '@stepcompute/infra',
  '@stepcompute/rehearsal',
  '@stepcompute/sql-store',
  '@aws-sdk/client-rds-data',
  '@aws-sdk/client-sfn',
];

export const targets: ReadonlyMap<string, Target> = new Map<string, Target>([
  ['memory', { title: 'in memory', needs: [], share: 1, run: runInMemory }],
  [
    'pglite',
    {
      title: 'PGlite, real kills, of the server too',
      needs: ['@stepcompute/sql-store', '@stepcompute/embedded-postgres', 'pg'],
      share: 1,
      run: runOnPglite,
    },
  ],
  [
    'postgres',
    {
      title: 'PostgreSQL, real kills, of the server too',
      needs: ['@stepcompute/sql-store', 'pg'],
      share: 1,
      run: runOnPostgres,
    },
  ],
  [
    'inline',
    {
      title: 'rehearsed on AWS, inline',
      needs: rehearsed,
      share: 0.1,
      run: (task) => rehearse('inline', task),
    },
  ],
  [
    'distributed',
    {
      title: 'rehearsed on AWS, distributed',
      needs: rehearsed,
      share: 0.1,
      run: (task) => rehearse('distributed', task),
    },
  ],
  [
    'command',
    {
      title: 'stepcompute run, killed ten times',
      needs: ['@stepcompute/cli'],
      share: 0,
      run: ({ seed, tally }) => killCommand(seed, tally),
    },
  ],
]);

/** The packages that the target needs and that are not installed. */
export function missingPackages({ needs }: Target): readonly string[] {
  const folders = require.resolve.paths('@stepcompute/core') ?? [];
  return needs.filter((name) => !folders.some((folder) => existsSync(join(folder, name))));
}

function runInMemory(task: Task): Promise<void> {
  return endureAll(inMemory(), task);
}

async function runOnPglite(task: Task): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'stepcompute-chaos-'));
  try {
    const restart = (): Promise<void> => {
      killServerOf(folder);
      return Promise.resolve();
    };
    await runInProcesses({ engine: 'pglite', place: folder, restart, ...task });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Kills the process that has the folder's database open: whoever connects next starts another. */
function killServerOf(folder: string): void {
  try {
    const { pid } = JSON.parse(readFileSync(join(folder, 'lock'), 'utf8')) as { pid: number };
    process.kill(pid, 'SIGKILL');
  } catch {
    // Nobody has it open at the moment.
  }
}

async function runOnPostgres(task: Task): Promise<void> {
  const cluster = PostgresCluster.create({ durable: true });
  if (cluster === undefined) throw new UnavailableError('there is no PostgreSQL to start here');
  try {
    const restart = (): Promise<void> => cluster.killAndStart();
    await runInProcesses({ engine: 'postgres', place: cluster.url, restart, ...task });
  } finally {
    cluster.remove();
  }
}

/** Loads the rehearsal only now: its packages need not be installed for the other targets. */
async function rehearse(mode: 'inline' | 'distributed', task: Task): Promise<void> {
  const { runRehearsed } = await import('./rehearsed.js');
  await runRehearsed(mode, task);
}
