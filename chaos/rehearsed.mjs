/** Runs schedules on a rehearsed deployment, which has faults of its own, and functions that die. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RDSDataClient } from '@aws-sdk/client-rds-data';
import { SFNClient } from '@aws-sdk/client-sfn';
import { openDataApi, StepFunctionsOrchestrator } from '@stepcompute/aws-adapter';
import { ChaosSchedule, endure } from '@stepcompute/core/testing';
import { SystemClock } from '@stepcompute/inmemory-adapter';
import { Rehearsal } from '@stepcompute/rehearsal';
import { typeOrmStores } from '@stepcompute/sql-store';

/**
 * @param {'inline' | 'distributed'} mode
 * @param {number} seed
 * @param {readonly number[]} schedules
 * @param {import('./tally.mjs').Tally} tally
 */
export async function runRehearsed(mode, seed, schedules, tally) {
  const assembly = mkdtempSync(join(tmpdir(), 'stepcompute-chaos-'));
  try {
    synthesize(assembly, mode);
    const rehearsal = await Rehearsal.start({
      assembly,
      timeScale: 60_000,
      scaledVariables: ['STEPCOMPUTE_DELAY_MS'],
      faults: { rate: 0.05, crashes: 0.01, seed },
    });
    try {
      const subject = await subjectOf(rehearsal);
      for (const number of schedules) {
        const schedule = new ChaosSchedule(seed, number);
        const { injected, findings } = await endure(schedule, subject);
        tally.inject(injected);
        tally.end(number, findings, schedule.repetitions);
      }
      const { faults } = rehearsal.costs();
      tally.inject(Object.entries(faults));
      tally.kills += faults.crash ?? 0;
    } finally {
      await rehearsal.close();
    }
  } finally {
    rmSync(assembly, { recursive: true, force: true });
  }
}

/** @param {string} folder @param {string} mode */
function synthesize(folder, mode) {
  const generator = fileURLToPath(new URL('simulation.mjs', import.meta.url));
  const context = { mode, generator, blockSize: '20' };
  execFileSync(process.execPath, [fileURLToPath(import.meta.resolve('@stepcompute/infra/app'))], {
    env: { ...process.env, CDK_OUTDIR: folder, CDK_CONTEXT_JSON: JSON.stringify(context) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

/**
 * What is killed here is the process that follows an execution; the execution goes on without it.
 * @param {Rehearsal} rehearsal
 * @returns {Promise<import('@stepcompute/core/testing').ChaosSubject>}
 */
async function subjectOf({ endpoint, clusters: [cluster], stateMachines }) {
  const config = {
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'rehearsal', secretAccessKey: 'rehearsal' },
  };
  const dataSource = await openDataApi({
    client: new RDSDataClient(config),
    resourceArn: cluster.arn,
    secretArn: cluster.secretArn,
    database: cluster.database ?? '',
  });
  const [stateMachineArn = ''] = Object.values(stateMachines);
  return {
    name: 'rehearsal',
    open: () => typeOrmStores(dataSource),
    orchestrator: ({ stores, clock }) =>
      new StepFunctionsOrchestrator({
        client: new SFNClient(config),
        stateMachineArn,
        stores,
        clock,
        pollMs: 20,
      }),
    clock: () => new SystemClock(),
    find: async ({ runs }, { idempotencyKey }) =>
      (await runs.list(20)).find(({ idempotencyKey: execution }) =>
        execution?.endsWith(`:${idempotencyKey}`),
      ),
    isExpected: ({ message }) => message.includes('Runtime.ExitError'),
  };
}
