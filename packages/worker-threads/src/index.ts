export { parseWorkers, WorkerThreads, type WorkerThreadsProps } from './worker-threads.js';
