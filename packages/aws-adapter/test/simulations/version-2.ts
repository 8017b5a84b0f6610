import { defineSimulation } from '@stepcompute/core';

/** The same simulation after it is changed. */
export default defineSimulation({
  name: 'versioned',
  generate: ({ random }) => random.integer(0, 1000) + 5000,
});
