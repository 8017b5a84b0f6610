import { testOrchestrator, testStores, type ContractSimulation } from '@stepcompute/core/testing';
import { deploy, modes, type Deployment } from './deployment.js';

describe.each(modes)('rehearsed on AWS, %s', (mode) => {
  const deployments = new Map<ContractSimulation, Promise<Deployment>>();

  /** One deployment of each simulation for all tests. */
  function deploymentOf(simulation: ContractSimulation): Promise<Deployment> {
    const known = deployments.get(simulation);
    if (known !== undefined) return known;
    const deployment = deploy({ mode, simulation, inOrder: simulation === 'failing' });
    deployments.set(simulation, deployment);
    return deployment;
  }

  afterAll(async () => {
    const opened = await Promise.all(deployments.values());
    await Promise.all(opened.map(({ close }) => close()));
  });

  if (mode === 'distributed') {
    testStores(
      { describe, it },
      { name: 'the Data API', stores: async () => (await deploymentOf('uniform')).stores },
    );
  }
  testOrchestrator({ describe, it }, { name: `state machine, ${mode}`, open: deploymentOf });
});
