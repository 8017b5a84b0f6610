import { SFNClient } from '@aws-sdk/client-sfn';
import { oracleVersions, testChaos } from '@stepcompute/chaos';
import { InProcessOrchestrator, SystemClock } from '@stepcompute/core';
import { VirtualClock } from '@stepcompute/inmemory-adapter';
import { StepFunctionsOrchestrator } from '../src/step-functions-orchestrator.js';
import { times } from '../../../testing/exhaustive.js';
import { deploy, modes, type Deployment } from './deployment.js';

describe.each(modes)('rehearsed on AWS, %s', (mode) => {
  let deployment: Deployment;
  beforeAll(async () => {
    deployment = await deploy({
      mode,
      simulation: 'oracle',
      faults: { rate: 0.05, crashes: 0.005, seed: 1 },
    });
  });
  afterAll(() => deployment.close());

  // The process that follows the execution is killed, and the execution goes on without it: whoever
  // resumes the run meets an earlier execution at work.
  testChaos(
    { describe, it },
    {
      name: `state machine, ${mode}`,
      losesAnswers: true,
      open: () => deployment.stores,
      orchestrator: ({ stores, clock, simulationVersion: version, ...parts }) => {
        if (version !== oracleVersions.asked) {
          // A process beside the functions, whose simulation is not theirs.
          const simulationVersion = version && { version, bundle: 'another' };
          const beside = { ...parts, stores, simulationVersion, clock: new VirtualClock() };
          return new InProcessOrchestrator(beside);
        }
        return new StepFunctionsOrchestrator({
          client: new SFNClient({
            endpoint: deployment.rehearsal.endpoint,
            region: 'us-east-1',
            credentials: { accessKeyId: 'rehearsal', secretAccessKey: 'rehearsal' },
          }),
          stateMachineArn: deployment.stateMachineArn,
          stores,
          clock,
          pollMs: 20,
        });
      },
      isDeployed: true,
      clock: () => new SystemClock(),
      find: async ({ runs }, { idempotencyKey }) =>
        (await runs.list({ limit: 20 })).find(({ idempotencyKey: execution }) =>
          execution?.endsWith(`:${idempotencyKey}`),
        ),
      // A function that was killed, as its state tells of it, or as its iterations' failure is on record.
      isExpected: ({ message }) => /Runtime\.ExitError|Runtime exited with error/.test(message),
    },
    { schedules: times(1, 4) },
  );

  if (mode === 'distributed') {
    testChaos(
      { describe, it },
      {
        name: 'in process, the Data API',
        losesAnswers: true,
        open: () => deployment.stores,
        orchestrator: (parts) => new InProcessOrchestrator(parts),
        clock: () => new VirtualClock(),
      },
      { schedules: times(2, 10), seed: 2 },
    );
  }
});
