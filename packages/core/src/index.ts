export {
  averageOf,
  averageOfBatches,
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
  nameOf,
  PersistenceError,
  RunNotFoundError,
  StepComputeError,
  StepFailedError,
  ToleranceExceededError,
  withoutSecrets,
} from './errors.js';
export { Orchestrator, type Progress, type RunOptions, type RunResult } from './orchestrator.js';
export { type RetryPolicy } from './retry-policy.js';
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
  parseRunChange,
  parseRunRequest,
  refuseFewerRepetitions,
  Repetitions,
  RunId,
  Seed,
  type Ledger,
  Tolerance,
  type NewRun,
  type ParsedRunChange,
  type Run,
  type RunChange,
  type RunRequest,
  type RunStatus,
} from './run.js';
export { reportOf, warningOf, type RunReport } from './report.js';
export { AggregateAndStoreValue } from './steps/aggregate-and-store-value.js';
export { RecordFailure } from './steps/record-failure.js';
export { RetrieveRunId } from './steps/retrieve-run-id.js';
export { WriteToDb, WriteToDbSettings } from './steps/write-to-db.js';
export {
  assertSameAverage,
  AverageStore,
  FailureStore,
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
