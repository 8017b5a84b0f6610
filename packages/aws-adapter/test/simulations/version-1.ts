import { defineSimulation } from '@stepcompute/core';

/** A simulation before it is changed. */
export default defineSimulation({
  name: 'versioned',
  generate: ({ random }) => random.integer(0, 1000),
});
