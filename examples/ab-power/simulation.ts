import { defineSimulation } from '@stepcompute/core';
import { randomBinomial } from 'd3-random';
import { isSignificant, type Experiment } from './power.js';

/** Of 100 visitors 10 buy; the change is to make it 12. */
export const change = { visitors: 4000, baseRate: 0.1, lift: 0.02 } satisfies Experiment;

/**
 * One A/B test from its visitors to its verdict: whether it found a difference, 1 or 0, whose mean is
 * the power; and by how much it said that the rate grew.
 */
export default defineSimulation({
  name: 'A/B test',
  parameters: change,
  measures: ['significant', 'estimate'],
  generate({ random, parameters: { visitors, baseRate, lift } }) {
    if (!Number.isSafeInteger(visitors) || visitors < 1) {
      throw new RangeError(`visitors must be an integer of 1 or more: ${visitors}`);
    }
    const rates = [baseRate, baseRate + lift];
    if (!rates.every((rate) => rate >= 0 && rate <= 1)) {
      throw new RangeError(
        `baseRate and baseRate + lift must be from 0 to 1: ${rates.join(' and ')}`,
      );
    }
    // Made for this iteration: variates of d3-random keep numbers from one draw to the next.
    const buyers = randomBinomial.source(() => random.uniform());
    const before = buyers(visitors, baseRate)();
    const after = buyers(visitors, baseRate + lift)();
    return {
      significant: isSignificant(visitors, before, after) ? 1 : 0,
      estimate: (after - before) / visitors,
    };
  },
});
