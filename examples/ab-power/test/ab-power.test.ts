/**
 * The condition has Jest load the build of d3-random that `require` can load.
 * @jest-environment-options {"customExportConditions": ["umd", "node", "node-addons"]}
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { iterationContext } from '@stepcompute/core';
import { simulate } from '@stepcompute/inmemory-adapter';
import { approximatePower, exactPower, isSignificant } from '../power.js';
import abTest, { change } from '../simulation.js';

const [, ...rows] = readFileSync(join(__dirname, '../design.csv'), 'utf8').trimEnd().split('\n');
const scenarios = rows.map((row) => {
  const [name = '', visitors, lift] = row.split(',');
  return { name, parameters: { visitors: Number(visitors), lift: Number(lift) } };
});

describe('the power in closed form', () => {
  it('is the sum over what two visitors can do', () => {
    // Only nobody here and both there is significant: z = 2.
    expect(isSignificant(2, 0, 2)).toBe(true);
    expect(isSignificant(2, 0, 1)).toBe(false);
    const expected = 0.7 ** 2 * 0.6 ** 2 + 0.3 ** 2 * 0.4 ** 2;
    expect(exactPower({ visitors: 2, baseRate: 0.3, lift: 0.3 })).toBeCloseTo(expected, 15);
  });

  it('finds no difference where nobody buys, or everybody', () => {
    expect(isSignificant(100, 0, 0)).toBe(false);
    expect(isSignificant(100, 100, 100)).toBe(false);
  });

  it.each(scenarios)('is approximated by the normal one, $name', ({ parameters }) => {
    const experiment = { ...change, ...parameters };
    expect(Math.abs(approximatePower(experiment) - exactPower(experiment))).toBeLessThan(0.002);
  });

  it('is the level of the test without a difference', () => {
    expect(approximatePower({ ...change, lift: 0 })).toBeCloseTo(0.05, 12);
  });
});

describe.each(scenarios)('the A/B test $name', ({ parameters }) => {
  it('finds a difference as often as the exact sum says, and estimates it without a bias', async () => {
    const repetitions = 20_000;
    const { averages } = await simulate(abTest, { repetitions, seed: 42, parameters });
    const power = exactPower({ ...change, ...parameters });
    // Right ones are further off for 6 seeds of 100,000 each.
    const error = Math.sqrt((power * (1 - power)) / repetitions);
    expect(Math.abs(averages.significant.mean - power)).toBeLessThan(4 * error);
    const { mean, standardError } = averages.estimate;
    expect(Math.abs(mean - parameters.lift)).toBeLessThan(4 * (standardError ?? NaN));
  });
});

it('is the same alone as among others', async () => {
  const { valuesOf } = await simulate(abTest, { repetitions: 200, seed: 42 });
  for (const iterationId of [199, 7, 0]) {
    const context = iterationContext({ seed: 42, iterationId, parameters: change });
    expect(abTest.generate(context)).toEqual({
      significant: valuesOf.significant[iterationId],
      estimate: valuesOf.estimate[iterationId],
    });
  }
});

it('fails with what was wrong', async () => {
  const run = (parameters: Partial<typeof change>) =>
    simulate(abTest, { repetitions: 10, seed: 42, parameters });
  await expect(run({ visitors: 0.5 })).rejects.toThrow(
    'visitors must be an integer of 1 or more: 0.5',
  );
  await expect(run({ lift: 1 })).rejects.toThrow(
    'baseRate and baseRate + lift must be from 0 to 1: 0.1 and 1.1',
  );
});
