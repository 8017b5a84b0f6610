import { readFile } from 'node:fs/promises';
import { averageOf } from '@stepcompute/core';
import { simulate } from '@stepcompute/inmemory-adapter';
import { blackScholes } from './black-scholes.mjs';
import option, { call } from './simulation.mjs';

const control = '105-0.2';
const measures = /** @type {const} */ (['price', 'delta']);

const design = await readFile(new URL('design.csv', import.meta.url), 'utf8');
const [, ...rows] = design.trimEnd().split('\n');
const scenarios = [];
for (const row of rows) {
  const [name = '', strike, volatility] = row.split(',');
  const parameters = { ...call, strike: Number(strike), volatility: Number(volatility) };
  const result = await simulate(option, { repetitions: 10_000, seed: 42, parameters });
  scenarios.push({ name, result, exact: blackScholes(parameters) });
}
const base = scenarios.find(({ name }) => name === control);
if (base === undefined) throw new Error(`design.csv has no scenario ${control}`);

for (const measure of measures) {
  console.log(`${measure}, less that of ${control}`);
  let inside = 0;
  for (const { name, result, exact } of scenarios) {
    if (name === control) continue;
    const values = result.valuesOf[measure];
    const controls = base.result.valuesOf[measure];
    // Both are of one seed: iteration i of either has the same future.
    const { mean, confidenceInterval, standardDeviation } = averageOf(
      values.map((value, i) => value - (controls[i] ?? NaN)),
    );
    const [lower, upper] = confidenceInterval ?? [NaN, NaN];
    const difference = exact[measure] - base.exact[measure];
    const isInside = lower <= difference && difference <= upper;
    if (isInside) inside += 1;
    const independent =
      (result.averages[measure].standardDeviation ?? NaN) ** 2 +
      (base.result.averages[measure].standardDeviation ?? NaN) ** 2;
    const ratio = independent / (standardDeviation ?? NaN) ** 2;
    console.log(
      `${name.padEnd(8)} ${mean.toFixed(4).padStart(8)}  ` +
        `95 % interval ${lower.toFixed(4)} to ${upper.toFixed(4)}  ` +
        `true ${difference.toFixed(4)}, ${isInside ? 'inside' : 'outside'}  ` +
        `variance ratio ${ratio.toFixed(1)}`,
    );
  }
  console.log(`${inside} of ${scenarios.length - 1} true differences lie inside`);
}
