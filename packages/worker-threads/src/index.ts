export { loadGenerator } from './load-generator.js';
export { parseWorkers, WorkerThreads, type WorkerThreadsProps } from './worker-threads.js';
