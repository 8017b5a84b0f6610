export { oracle as default } from '../oracle.js';
