export { oracleValue as default } from '@stepcompute/core/testing';
