export {
  averageOf,
  averageOfSums,
  completeAverage,
  RunningMean,
  type Average,
  type AverageFigures,
  type Sums,
} from './average.js';
export { Clock } from './clock.js';
export {
  AverageOverflowError,
  CancelledError,
  ConflictingRunError,
  ConflictingValueError,
  describeValue,
  IncompleteRunError,
  InvalidInputError,
  InvalidValueError,
  isStepComputeError,
  IterationFailedError,
  IterationTimeoutError,
  isError,
  messageOf,
  PersistenceError,
  RunNotFoundError,
  StepComputeError,
  StepFailedError,
} from './errors.js';
export { Orchestrator, type Progress, type RunOptions, type RunResult } from './orchestrator.js';
export { RandomStream, randomStreamVersion } from './random-stream.js';
export {
  alignedBlocks,
  blockSizeFor,
  IterationId,
  IterationRange,
  iterationsOf,
  type RunPlan,
} from './range.js';
export {
  Milliseconds,
  parseRunRequest,
  Repetitions,
  RunId,
  Seed,
  type Ledger,
  type NewRun,
  type Run,
  type RunRequest,
  type RunStatus,
} from './run.js';
export { reportOf, type RunReport } from './report.js';
export { AggregateAndStoreValue } from './steps/aggregate-and-store-value.js';
export { RetrieveRunId } from './steps/retrieve-run-id.js';
export { WriteToDb, WriteToDbSettings } from './steps/write-to-db.js';
export {
  assertSameAverage,
  AverageStore,
  FailureStore,
  readLedger,
  RunStore,
  ValueStore,
  type IterationFailure,
  type Stores,
} from './stores.js';
export {
  parseValue,
  SeededIteration,
  uniformInteger,
  ValueGenerator,
  type IterationContext,
  type IterationValue,
} from './value.js';
