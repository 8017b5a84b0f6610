import { Experiment, InProcessOrchestrator } from '@stepcompute/core';
import { inMemoryStores } from '@stepcompute/inmemory-adapter';
import type { Context } from '../src/context.js';
import { runsOfExperiment, scenarioRuns, tellOfExperiment } from '../src/experiments.js';

/** As a terminal of so many columns shows an experiment with quantiles. */
async function headOf(columns: number): Promise<string> {
  const stores = inMemoryStores();
  const orchestrator = new InProcessOrchestrator({
    generator: ({ random }) => random.normal(),
    stores,
  });
  const scenarios = [{ name: 'low' }, { name: 'high' }];
  await new Experiment({ orchestrator, stores }).run({
    name: 'both',
    scenarios,
    repetitions: 100,
    seed: 1,
  });
  const printed: string[] = [];
  const screen = { isTerminal: true, isLive: false, hasColor: false, hasUnicode: true, columns };
  const terminal = {
    screen,
    isQuiet: true,
    wantsJson: false,
    print: (text: string) => void printed.push(text),
    flush: () => Promise.resolve(),
  };
  const { runs } = await runsOfExperiment(stores, 'both');
  await tellOfExperiment(
    'both',
    await scenarioRuns(stores, runs),
    { quantiles: [0.25, 0.75], checks: [], control: undefined },
    stores,
    { terminal, elapsedMs: () => 0 } as unknown as Context,
  );
  return printed.join('\n').split('\n')[0]!;
}

it('has no intervals of quantiles where the terminal is narrow', async () => {
  const [wide, narrow] = [await headOf(300), await headOf(100)];
  expect(wide).toContain('interval of quantile 0.25');
  expect(narrow).not.toContain('interval of quantile');
  for (const label of ['scenario', 'average', 'quantile 0.25', 'quantile 0.75']) {
    expect(narrow).toContain(label);
  }
  expect(narrow.length).toBeLessThanOrEqual(100);
});
