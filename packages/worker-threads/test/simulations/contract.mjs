import { contractSimulations } from '@stepcompute/core/testing';

export const { uniform, failing, hanging, measured, priced } = contractSimulations;
