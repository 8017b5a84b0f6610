import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RDSDataClient } from '@aws-sdk/client-rds-data';
import { SFNClient } from '@aws-sdk/client-sfn';
import { openDataApi, StepFunctionsOrchestrator } from '@stepcompute/aws-adapter';
import { InProcessOrchestrator, SystemClock, type Orchestrator } from '@stepcompute/core';
import { VirtualClock } from '@stepcompute/inmemory-adapter';
import { Rehearsal } from '@stepcompute/rehearsal';
import { typeOrmStores } from '@stepcompute/sql-store';
import type { ChaosParts, ChaosSubject } from '../chaos-subject.js';
import { oracleVersions } from '../oracle.js';
import { endureAll, type Task } from './task.js';

/** Runs schedules on a rehearsed deployment that has faults of its own and functions that die. */
export async function runRehearsed(mode: 'inline' | 'distributed', task: Task): Promise<void> {
  const { seed, tally } = task;
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
      await endureAll(await subjectOf(rehearsal), task);
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

function synthesize(folder: string, mode: string): void {
  const blocks = mode === 'distributed' && { blockSize: '20' };
  const context = { mode, generator: join(__dirname, 'simulation.js'), ...blocks };
  execFileSync(process.execPath, [require.resolve('@stepcompute/infra/app')], {
    env: { ...process.env, CDK_OUTDIR: folder, CDK_CONTEXT_JSON: JSON.stringify(context) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

/** A kill ends the process that follows an execution; the execution goes on without it. */
async function subjectOf(rehearsal: Rehearsal): Promise<ChaosSubject> {
  const { endpoint, clusters, stateMachines } = rehearsal;
  const config = {
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'rehearsal', secretAccessKey: 'rehearsal' },
  };
  const [cluster] = clusters;
  const [stateMachineArn] = Object.values(stateMachines);
  if (cluster === undefined || stateMachineArn === undefined) {
    throw new Error('the deployment has no database or no state machine');
  }
  const dataSource = await openDataApi({
    client: new RDSDataClient(config),
    resourceArn: cluster.arn,
    secretArn: cluster.secretArn,
    database: cluster.database ?? '',
  });
  return {
    name: 'rehearsal',
    losesAnswers: true,
    open: () => typeOrmStores(dataSource),
    orchestrator: (parts) =>
      parts.simulationVersion === oracleVersions.asked
        ? new StepFunctionsOrchestrator({
            client: new SFNClient(config),
            stateMachineArn,
            stores: parts.stores,
            clock: parts.clock,
            pollMs: 20,
          })
        : besideFunctions(parts),
    isDeployed: true,
    clock: () => new SystemClock(),
    find: async ({ runs }, { idempotencyKey }) =>
      (await runs.list({ limit: 20 })).find(({ idempotencyKey: execution }) =>
        execution?.endsWith(`:${idempotencyKey}`),
      ),
    // A function that was killed, as its state tells of it, or as its iterations' failure is on record.
    isExpected: ({ message }) => /Runtime\.ExitError|Runtime exited with error/.test(message),
  };
}

/** A process on the functions' database, with a simulation that is not theirs. */
function besideFunctions({ simulationVersion: version, ...parts }: ChaosParts): Orchestrator {
  return new InProcessOrchestrator({
    ...parts,
    // The functions' fingerprint has a bundle and no version.
    simulationVersion: version === undefined ? undefined : { version, bundle: 'another' },
    // The run's delay is ten minutes.
    clock: new VirtualClock(),
  });
}
