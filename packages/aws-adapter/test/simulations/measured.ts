import { contractSimulations } from '@stepcompute/core/testing';

export default contractSimulations.measured;
