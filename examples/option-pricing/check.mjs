import { simulate } from '@stepcompute/inmemory-adapter';
import { blackScholes } from './black-scholes.mjs';
import option, { call } from './simulation.mjs';

/** Of 20 independent 95 % intervals, fewer than 16 cover what they estimate 3 times in 1,000. */
const seeds = Array.from({ length: 20 }, (_, index) => index + 1);
const fewestCovering = 16;

const closedForm = blackScholes(call);
const results = [];
for (const seed of seeds) results.push(await simulate(option, { repetitions: 20_000, seed }));

for (const measure of option.measures ?? []) {
  const exact = closedForm[measure];
  console.log(`${measure}, by Black–Scholes ${exact.toFixed(4)}`);
  let covering = 0;
  for (const { run, averages } of results) {
    const { mean, confidenceInterval } = averages[measure];
    const [lower, upper] = confidenceInterval ?? [NaN, NaN];
    const covers = lower <= exact && exact <= upper;
    if (covers) covering += 1;
    console.log(
      `seed ${String(run.seed).padStart(2)}  mean ${mean.toFixed(4)}  ` +
        `95 % interval ${lower.toFixed(4)} to ${upper.toFixed(4)}  ${covers ? 'covers' : 'misses'}`,
    );
  }
  console.log(`${covering} of ${seeds.length} intervals cover it`);
  if (covering < fewestCovering) process.exitCode = 1;
}
