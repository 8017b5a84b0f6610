import { contractSimulations } from '@stepcompute/core/testing';

// eslint-disable-next-line no-restricted-syntax -- a simulation's module has a default export
export default contractSimulations.uniform;
