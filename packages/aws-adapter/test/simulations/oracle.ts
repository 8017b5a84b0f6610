export { oracle as default } from '@stepcompute/chaos';
