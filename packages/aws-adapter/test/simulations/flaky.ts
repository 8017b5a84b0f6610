import { existsSync } from 'node:fs';
import { uniformInteger, type IterationContext } from '@stepcompute/core';

/** Fails until there is a file `mended` beside the function's bundle. */
export default (context: IterationContext): number => {
  if (context.iterationId >= 5 && !existsSync('../mended')) throw new Error('not mended yet');
  return uniformInteger(context);
};
