// eslint-disable-next-line no-restricted-syntax -- a simulation's module has a default export
export { oracleValue as default } from '@stepcompute/core/testing';
