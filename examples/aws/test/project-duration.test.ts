import { join } from 'node:path';
import { RDSDataClient } from '@aws-sdk/client-rds-data';
import { SFNClient } from '@aws-sdk/client-sfn';
import { simulate } from '@stepcompute/inmemory-adapter';
import { Rehearsal } from '@stepcompute/rehearsal';
import { synthesize } from '../../../testing/assembly.js';
import { deployedOrchestrator } from '../src/orchestrator.js';
import projectDuration from '../src/project-duration.js';

const request = { repetitions: 400, seed: 42 };
/** The hardware is bought, and there from the beginning. */
const parameters = { hardware: [0, 0, 1] };

it('takes as long as the estimates allow', async () => {
  const { average } = await simulate(projectDuration, request);
  expect(average.minimum).toBeGreaterThan(5 + 12 + 4);
  expect(average.maximum).toBeLessThan(20 + 40 + 15);
});

it('takes no longer on the same random numbers where the hardware is there already', async () => {
  const { values } = await simulate(projectDuration, request);
  const sooner = await simulate(projectDuration, { ...request, parameters });
  expect(sooner.values.every((days, index) => days <= values[index]!)).toBe(true);
  expect(sooner.average.maximum).toBeLessThan(20 + 35 + 15);
});

it('comes to the same average on AWS as in process, to the last bit', async () => {
  const assembly = synthesize({}, { app: join(__dirname, '../dist/app.js') });
  const rehearsal = await Rehearsal.start({ assembly: assembly.folder, timeScale: 60_000 });
  try {
    const [cluster] = rehearsal.clusters;
    const [stateMachineArn = ''] = Object.values(rehearsal.stateMachines);
    const config = {
      endpoint: rehearsal.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'rehearsal', secretAccessKey: 'rehearsal' },
    };
    const orchestrator = await deployedOrchestrator(
      {
        stateMachineArn,
        clusterArn: cluster?.arn ?? '',
        secretArn: cluster?.secretArn ?? '',
        databaseName: cluster?.database ?? '',
      },
      { sfn: new SFNClient(config), rdsData: new RDSDataClient(config) },
    );
    const { run, average } = await orchestrator.run(request);
    expect(run.delayMs).toBe(600_000);
    expect(average).toEqual((await simulate(projectDuration, request)).average);
    expect(rehearsal.costs().childExecutions).toBe(8);
    const sooner = await orchestrator.run({ ...request, parameters });
    expect(sooner.run.parameters).toEqual({ ...projectDuration.parameters, ...parameters });
    expect(sooner.average).toEqual(
      (await simulate(projectDuration, { ...request, parameters })).average,
    );
  } finally {
    await rehearsal.close();
    assembly.remove();
  }
});
