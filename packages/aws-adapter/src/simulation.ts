/** The deployed simulation. A bundler puts the user's own module, with its default export, in this one's place. */
export { uniformInteger as simulation } from '@stepcompute/core';
