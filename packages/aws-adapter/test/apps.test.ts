import { expectedAverage } from '@stepcompute/core/testing';
import { deploy } from './deployment.js';

it.each(['default-vpc.mjs', 'own-cluster.mjs', 'imported-cluster.mjs', 'behind-proxy.mjs'])(
  'a deployment in an account that exists comes to the same bits: %s',
  async (app) => {
    const deployment = await deploy({ mode: 'inline', app });
    try {
      const { average } = await deployment.orchestrator.run({ repetitions: 25, seed: 42 });
      expect(average).toEqual(expectedAverage(42, 25));
    } finally {
      await deployment.close();
    }
  },
);
