export { oracleValue as default } from '../oracle.js';
