import { readFile } from 'node:fs/promises';
import { compareRuns, Experiment, InProcessOrchestrator } from '@stepcompute/core';
import { inMemoryStores } from '@stepcompute/inmemory-adapter';
import { blackScholes } from './black-scholes.mjs';
import option, { call } from './simulation.mjs';

const control = '105-0.2';

const design = await readFile(new URL('design.csv', import.meta.url), 'utf8');
const [, ...rows] = design.trimEnd().split('\n');
const scenarios = rows.map((row) => {
  const [name = '', strike, volatility] = row.split(',');
  return { name, parameters: { strike: Number(strike), volatility: Number(volatility) } };
});

const closedForms = new Map(
  scenarios.map(({ name, parameters }) => [name, blackScholes({ ...call, ...parameters })]),
);

/**
 * The differences between each scenario's run and the control's, under the scenario's name.
 * @param {{ independent: boolean }} seeds one seed for all scenarios, or one for each
 */
async function differencesBy({ independent }) {
  const stores = inMemoryStores();
  const orchestrator = new InProcessOrchestrator({ generator: option, stores });
  const results = await new Experiment({ orchestrator, stores }).run({
    name: 'strikes and volatilities',
    repetitions: 10_000,
    seed: 42,
    scenarios,
    independent,
  });
  const names = new Map(results.map(({ run, scenario }) => [run.id, scenario]));
  const controlRun = results.find(({ scenario }) => scenario === control)?.run.id;
  const { comparisons } = await compareRuns(stores, [...names.keys()], { control: controlRun });
  return comparisons.map((comparison) => ({
    ...comparison,
    name: names.get(comparison.run) ?? '',
  }));
}

const differences = await differencesBy({ independent: false });
const independent = await differencesBy({ independent: true });

for (const measure of /** @type {const} */ (['price', 'delta'])) {
  console.log(`${measure}, less that of ${control}`);
  let inside = 0;
  for (const [i, { name, difference, ...comparison }] of differences.entries()) {
    if (comparison.measure !== measure) continue;
    const [lower, upper] = comparison.simultaneousInterval ?? [NaN, NaN];
    const [from, to] = independent[i]?.simultaneousInterval ?? [NaN, NaN];
    const exact =
      (closedForms.get(name)?.[measure] ?? NaN) - (closedForms.get(control)?.[measure] ?? NaN);
    const isInside = lower <= exact && exact <= upper;
    if (isInside) inside += 1;
    console.log(
      `${name.padEnd(8)} ${difference.toFixed(4).padStart(8)}  ` +
        `${lower.toFixed(4)} to ${upper.toFixed(4)}  ` +
        `true ${exact.toFixed(4)}, ${isInside ? 'inside' : 'outside'}  ` +
        `variance ratio ${comparison.varianceRatio?.toFixed(1)}, ` +
        `${((to - from) / (upper - lower)).toFixed(1)} times narrower`,
    );
  }
  console.log(`${inside} of ${scenarios.length - 1} true differences lie inside`);
}
