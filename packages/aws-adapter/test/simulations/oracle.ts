export { oracleValue as default } from '@stepcompute/chaos';
