import { simulate } from '@stepcompute/inmemory-adapter';
import { blackScholesPrice } from './black-scholes.mjs';
import option, { call } from './simulation.mjs';

/** Of 20 independent 95 % intervals, fewer than 16 cover what they estimate 3 times in 1,000. */
const seeds = Array.from({ length: 20 }, (_, index) => index + 1);
const fewestCovering = 16;

const price = blackScholesPrice(call);
console.log(`Black–Scholes ${price.toFixed(4)}`);

let covering = 0;
for (const seed of seeds) {
  const { average } = await simulate(option, { repetitions: 20_000, seed });
  const [lower, upper] = average.confidenceInterval ?? [NaN, NaN];
  const covers = lower <= price && price <= upper;
  if (covers) covering += 1;
  const interval = `${lower.toFixed(4)} to ${upper.toFixed(4)}`;
  console.log(
    `seed ${String(seed).padStart(2)}  mean ${average.mean.toFixed(4)}  ` +
      `95 % interval ${interval}  ${covers ? 'covers' : 'misses'}`,
  );
}
console.log(`${covering} of ${seeds.length} intervals cover the price`);
if (covering < fewestCovering) process.exitCode = 1;
