import { uniformInteger, type ValueGenerator } from '@stepcompute/core';

/** The deployed simulation. A bundler puts the user's own module in this one's place. */
const simulation: ValueGenerator = uniformInteger;
// A simulation's module has a default export, as for `stepcompute run --generator`.
// eslint-disable-next-line no-restricted-syntax
export default simulation;
