// For who writes a store, an engine or an orchestrator: what the adapters of StepCompute itself are made of.
export { averageOfRun } from './analysis/average-of-run.js';
export { completeAverage, refuseOtherAverage, type AverageFigures } from './statistics/average.js';
export { Averaging, averagingMethod } from './statistics/averaging.js';
export {
  HistogramCounts,
  histogramEdges,
  histogramScale,
  withoutTails,
  type HistogramExtent,
  type Histogram,
  type HistogramScale,
  type HistogramTail,
} from './statistics/histogram.js';
export { parseProbabilities } from './statistics/quantile.js';
export { nextLook } from './statistics/reached-precision.js';
export { intervalOf } from './statistics/comparison.js';
export { significantDigits } from './statistics/significant-digits.js';
export { studentTQuantile } from './statistics/student-t.js';
export { errorClass, type ErrorClass } from './errors/base.js';
export { describeValue, withoutSecrets } from './errors/masking.js';
export { causeOf, isRetryable, stackOf } from './errors/thrown.js';
export { refuseUnknown, type FieldNames } from './errors/unknown-fields.js';
export { Attempt, isPromiseLike, type AttemptSettings } from './execution/attempt.js';
export { CheckedSimulation, type CheckSettings } from './execution/checked-simulation.js';
export { shortly } from './execution/grace.js';
export { progressOf, RunningMean, type ProgressAccount } from './execution/progress.js';
export { type Retries } from './execution/retries.js';
export { Stop } from './execution/stop.js';
export { mostScenarios } from './orchestration/experiment.js';
export { followLedger } from './orchestration/follow-ledger.js';
export {
  answered,
  completeResult,
  goesOn,
  Orchestration,
  recordEnd,
  refuseIfAborted,
  resultOf,
  tellOf,
  type OrchestrationProps,
} from './orchestration/orchestration.js';
export {
  conflictOf,
  finishedRun,
  missingByScan,
  refuseConflicts,
  reopenedRun,
  runFromJson,
  startedRun,
} from './ports/keeping.js';
export { guarded, isTraceparent } from './ports/observer.js';
export { type Executor } from './ports/orchestrator.js';
export {
  parseFailure,
  otherMeasures,
  parseIterationValues,
  refuseFewerRepetitions,
  refuseIncomplete,
  refuseMixed,
  refuseOtherMeasures,
  refuseOutside,
  refuseOwnRepetitions,
} from './ports/refusals.js';
export { isListed, parseRunFilter, type ParsedRunFilter } from './run/filter.js';
export { ledgerOf } from './run/ledger.js';
export { areSameMeasures, singleMeasure } from './run/measures.js';
export { parseInteger } from './run/numbers.js';
export { blockSizeFor, blocksOf, type AssignedBlock, type RunPlan } from './run/plan.js';
export { countOf, IterationRange, iterationsOf, without } from './run/range.js';
export {
  changeableFields,
  parseRunChange,
  parseRunRequest,
  refuseOtherRequest,
  requestFields,
  type NewRun,
  type ParsedRequest,
  type ParsedRunChange,
} from './run/request.js';
export { identityFields, RunIdentity } from './run/run.js';
export { describeVersions } from './run/versions.js';
export { FirstBlock } from './simulation/random-stream.js';
export { ParsedSimulation, parseSimulation } from './simulation/simulation.js';
export { parseValue, rowsOf, type MeasuredValue, type ValueColumns } from './simulation/value.js';
export { AggregateAndStoreValue } from './steps/aggregate-and-store-value.js';
export { RecordFailure } from './steps/record-failure.js';
export { RetrieveRunId } from './steps/retrieve-run-id.js';
export { checkedSimulation, WriteToDb } from './steps/write-to-db.js';
