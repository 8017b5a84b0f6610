export {
  compareRuns,
  type ComparedRuns,
  type CompareRunsOptions,
  type RankedRun,
  type RunComparison,
} from './analysis/compare-runs.js';
export { quantilesOf, type QuantilesOptions } from './analysis/quantiles-of.js';
export { averagesByName, type Average, type RunAverage } from './statistics/average.js';
export { averageOf } from './statistics/averaging.js';
export { reachedPrecision, type ReachedPrecision } from './statistics/reached-precision.js';
export { type Quantile } from './statistics/quantile.js';
export { isStepComputeError, StepComputeError } from './errors/base.js';
export { InvalidInputError } from './errors/invalid-input-error.js';
export { isError, messageOf, nameOf } from './errors/thrown.js';
export { type RetryPolicy } from './execution/retries.js';
export {
  Experiment,
  type ExperimentOptions,
  type ExperimentProps,
  type ExperimentRequest,
  type Scenario,
  type ScenarioResult,
} from './orchestration/experiment.js';
export {
  InProcessOrchestrator,
  type InProcessOrchestratorProps,
} from './orchestration/in-process-orchestrator.js';
export {
  reportOf,
  warningOf,
  type MeasureReport,
  type PrecisionReport,
  type RunReport,
} from './orchestration/report.js';
export {
  type AttemptEnded,
  type BatchWritten,
  type BlockBegun,
  type BlockEnded,
  type FailureNoted,
  type Observer,
  type RetryScheduled,
  type RunBegun,
  type RunEnded,
  type RunEvent,
  type RunRequested,
  type TraceCarrier,
} from './ports/observer.js';
export {
  Orchestrator,
  type Progress,
  type RunOptions,
  type RunResult,
} from './ports/orchestrator.js';
export {
  Stores,
  type AverageStore,
  type FailureStore,
  type IterationFailure,
  type Placed,
  type RunStore,
  type Swept,
  type TombstoneStore,
  type ValueStore,
} from './ports/stores.js';
export { type RunFilter } from './run/filter.js';
export { Fingerprint } from './run/fingerprint.js';
export { type Ledger } from './run/ledger.js';
export { IterationId, Milliseconds, Repetitions, RunId, Seed } from './run/numbers.js';
export { RunParameters, type Json, type JsonObject } from './run/parameters.js';
export { Precision, type PrecisionGoal } from './run/precision.js';
export { type RunChange, type RunRequest } from './run/request.js';
export {
  AverageOverflowError,
  CancelledError,
  ChangedDesignError,
  ChangedSimulationError,
  ConflictingRunError,
  ConflictingValueError,
  DeletedRunError,
  IncomparableRunsError,
  IncompleteRunError,
  InvalidValueError,
  IterationFailedError,
  IterationTimeoutError,
  PersistenceError,
  RunNotFoundError,
  ScenariosFailedError,
  StartedRunError,
  StepFailedError,
  ToleranceExceededError,
  type FailedScenario,
} from './run/run-errors.js';
export { runStatuses, type Run, type RunStatus } from './run/run.js';
export { Tolerance } from './run/tolerance.js';
export { randomStreamVersion, stepComputeVersion, type Versions } from './run/versions.js';
export {
  iterationContext,
  uniformInteger,
  uniformIntegerVersion,
  ValueGenerator,
  type AnyGenerator,
  type Drawn,
  type IterationContext,
  type IterationContextProps,
} from './simulation/generator.js';
export { RandomStream, type Random } from './simulation/random-stream.js';
export {
  defineSimulation,
  type AnySimulation,
  type Simulation,
  type StandardIssue,
  type StandardResult,
  type StandardSchema,
} from './simulation/simulation.js';
export { type IterationValue } from './simulation/value.js';
export { deleteRun, type DeletedRun, type DeleteRunOptions } from './steps/delete-run.js';
export { WriteToDbSettings } from './steps/write-to-db.js';
export { Clock, type SleepPurpose } from './time/clock.js';
export { SystemClock } from './time/system-clock.js';
