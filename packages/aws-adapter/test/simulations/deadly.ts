import { uniformInteger, type IterationContext } from '@stepcompute/core';

/** As a simulation does that runs out of memory, or whose native part crashes. */
export default (context: IterationContext): number => {
  if (context.iterationId === 12) process.exit(1);
  return uniformInteger(context);
};
