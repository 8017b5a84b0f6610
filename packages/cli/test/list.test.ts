import { InProcessOrchestrator } from '@stepcompute/core';
import { inMemoryStores } from '@stepcompute/inmemory-adapter';
import { latestAverages } from '../src/commands/list.js';

it('the averages of many runs are asked for a few at a time', async () => {
  const stores = inMemoryStores();
  const orchestrator = new InProcessOrchestrator({ stores, generator: ({ runId }) => runId });
  for (let run = 1; run <= 35; run += 1) await orchestrator.run({ repetitions: 1 });
  let inFlight = 0;
  let most = 0;
  const history: typeof stores.averages.history = async (id) => {
    most = Math.max(most, ++inFlight);
    const answer = await stores.averages.history(id);
    inFlight -= 1;
    return answer;
  };
  const runs = await stores.runs.list({ limit: 100 });
  const averages = { save: stores.averages.save.bind(stores.averages), history };
  const latest = await latestAverages(runs, { averages });
  expect(latest.map((average) => average?.mean)).toEqual(runs.map(({ id }) => id));
  expect(most).toBe(10);
});
