import {
  context,
  metrics,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Meter,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import {
  messageOf,
  nameOf,
  stepComputeVersion,
  type Observer,
  type RunBegun,
  type RunEnded,
  type RunId,
} from '@stepcompute/core';
import { refuseUnknown, type FieldNames } from '@stepcompute/core/adapters';

export interface OpenTelemetryOptions {
  /** Default: the global one, under the name `@stepcompute/opentelemetry`. */
  readonly tracer?: Tracer | undefined;
  /** Default: the global one, under the same name. */
  readonly meter?: Meter | undefined;
  /**
   * False for no span of each attempt, where a run has millions and its spans are not sampled. Those of the run
   * and its batches stay, and so do all metrics.
   * @default true
   */
  readonly attempts?: boolean | undefined;
}

const optionFields: FieldNames<OpenTelemetryOptions> = {
  tracer: true,
  meter: true,
  attempts: true,
};

const scope = '@stepcompute/opentelemetry';

/** A run that goes on: its span, and the context of those within. */
interface OpenRun {
  readonly span: Span;
  readonly within: Context;
}

/**
 * An observer that traces runs and measures them. The span of a run is a child of the one that is active where
 * the run is asked for; those of its attempts and batches are its children. Names and units are OpenTelemetry's
 * conventions; durations are by the run's clock. Have one for each set of stores: runs are told apart by id.
 * @example
 * const orchestrator = new InProcessOrchestrator({ generator, stores, observer: openTelemetry() });
 * @throws InvalidInputError when there is no such option
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): Observer {
  refuseUnknown(options, 'options', optionFields);
  const { attempts: hasAttempts = true } = options;
  const tracer = options.tracer ?? trace.getTracer(scope, stepComputeVersion);
  const meter = options.meter ?? metrics.getMeter(scope, stepComputeVersion);
  const runs = new Map<RunId, OpenRun>();
  const instruments = instrumentsOf(meter);

  const begin = ({ run, missing }: RunBegun): void => {
    const { id, repetitions, seed, generatorName } = run;
    const span = tracer.startSpan('stepcompute.run', {
      attributes: {
        'stepcompute.run.id': id,
        'stepcompute.run.repetitions': repetitions,
        'stepcompute.run.missing': missing,
        'stepcompute.run.seed': seed,
        'stepcompute.simulation.name': generatorName,
      },
    });
    runs.set(id, { span, within: trace.setSpan(context.active(), span) });
  };

  const end = ({ runId, status, durationMs, error }: RunEnded): void => {
    const attributes = { 'stepcompute.run.status': status, ...errorType(error) };
    instruments.runDuration.record(durationMs / 1000, attributes);
    const open = runs.get(runId);
    runs.delete(runId);
    open?.span.setAttributes(attributes);
    if (open !== undefined) close(open.span, status === 'cancelled' ? undefined : error);
  };

  /** The span of what has just ended. */
  const within = (runId: RunId, name: string, durationMs: number, given: Part): void => {
    const now = Date.now();
    const { attributes, error } = given;
    const span = tracer.startSpan(
      name,
      { startTime: now - durationMs, attributes: { 'stepcompute.run.id': runId, ...attributes } },
      runs.get(runId)?.within,
    );
    close(span, error, now);
  };

  return (event) => {
    switch (event.type) {
      case 'run':
        begin(event);
        break;
      case 'attempt': {
        const { runId, iterationId, attempt, durationMs, error } = event;
        instruments.attemptDuration.record(durationMs / 1000, errorType(error));
        if (!hasAttempts) break;
        const attributes = {
          'stepcompute.iteration.id': iterationId,
          'stepcompute.attempt': attempt,
        };
        within(runId, 'stepcompute.attempt', durationMs, { attributes, error });
        break;
      }
      case 'retry':
        instruments.retries.add(1, errorType(event.error));
        break;
      case 'failure':
        instruments.failures.add(1, errorType(event.error));
        break;
      case 'batch': {
        const { runId, of, count, durationMs, error } = event;
        const kind = { 'stepcompute.batch.of': of };
        instruments.batchDuration.record(durationMs / 1000, { ...kind, ...errorType(error) });
        if (of === 'values' && error === undefined) instruments.values.add(count);
        const attributes = { ...kind, 'stepcompute.batch.count': count };
        within(runId, 'stepcompute.batch', durationMs, { attributes, error });
        break;
      }
      case 'end':
        end(event);
        break;
    }
  };
}

interface Part {
  readonly attributes: Attributes;
  readonly error: unknown;
}

function close(span: Span, error: unknown, endTime?: number): void {
  if (error !== undefined) {
    const [name, message] = [nameOf(error), messageOf(error)];
    span.recordException({ name, message });
    span.setStatus({ code: SpanStatusCode.ERROR, message });
    span.setAttributes(errorType(error));
  }
  span.end(endTime);
}

/** By the conventions: a name of low cardinality, and left out where nothing failed. */
function errorType(error: unknown): Attributes {
  return error === undefined ? {} : { 'error.type': nameOf(error) };
}

function instrumentsOf(meter: Meter) {
  const seconds = (name: string, description: string) =>
    meter.createHistogram(`stepcompute.${name}.duration`, { description, unit: 's' });
  const count = (name: string, unit: string, description: string) =>
    meter.createCounter(`stepcompute.${name}`, { description, unit: `{${unit}}` });
  return {
    runDuration: seconds('run', 'How long the work on a run takes'),
    attemptDuration: seconds('attempt', 'How long one call of a generator takes'),
    batchDuration: seconds('batch', 'How long a store takes to write a batch'),
    values: count('values', 'value', 'Values that were stored'),
    retries: count('retries', 'retry', 'Attempts that are to be followed by another'),
    failures: count('failures', 'failure', 'Iterations that failed after all of their attempts'),
  };
}
