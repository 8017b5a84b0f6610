import { uniformInteger, type IterationContext } from '@stepcompute/core';

/** As a simulation does that runs out of memory, or whose native part crashes. */
// eslint-disable-next-line no-restricted-syntax -- a simulation's module has a default export
export default (context: IterationContext): number => {
  if (context.iterationId === 12) process.exit(1);
  return uniformInteger(context);
};
