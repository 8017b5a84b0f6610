import {
  context,
  metrics,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Meter,
  type Span,
  type SpanOptions,
  type Tracer,
} from '@opentelemetry/api';
import {
  messageOf,
  nameOf,
  stepComputeVersion,
  type AttemptEnded,
  type BatchWritten,
  type BlockBegun,
  type BlockEnded,
  type Observer,
  type RunBegun,
  type RunEnded,
  type RunId,
  type TraceCarrier,
} from '@stepcompute/core';
import { refuseUnknown, type AssignedBlock, type FieldNames } from '@stepcompute/core/adapters';
import { remoteSpanOf, traceparentOf } from './traceparent.js';

export interface OpenTelemetryOptions {
  /** Default: the global one, under the name `@stepcompute/opentelemetry`. */
  readonly tracer?: Tracer | undefined;
  /** Default: the global one, under the same name. */
  readonly meter?: Meter | undefined;
  /**
   * False for no span of each attempt, where a run has millions and its spans are not sampled. Those of the run,
   * its blocks and batches stay, and so do all metrics.
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

/** Something that goes on: its span, and the context of those within. */
interface Open {
  readonly span: Span;
  readonly within: Context;
}

/**
 * An observer that traces runs and measures them. The span of a run is a child of the one that is active where
 * the run is asked for, that of a block a child of its run's, wherever that is; those of attempts and batches are
 * children of their block's, or the run's. Names and units are OpenTelemetry's conventions; durations are by the
 * run's clock. Have one for each set of stores: runs are told apart by id.
 * @example
 * const orchestrator = new InProcessOrchestrator({ generator, stores, observer: openTelemetry() });
 * @throws InvalidInputError when there is no such option
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): Observer {
  refuseUnknown(options, 'options', optionFields);
  const { attempts: hasAttempts = true } = options;
  const tracer = options.tracer ?? trace.getTracer(scope, stepComputeVersion);
  const meter = options.meter ?? metrics.getMeter(scope, stepComputeVersion);
  const instruments = instrumentsOf(meter);
  const requests = new WeakMap<TraceCarrier, Open>();
  /** Of one run there may be several, where its request is repeated; its parts are the last one's. */
  const runs = new Map<RunId, readonly Open[]>();
  const blocks = new Map<AssignedBlock, Open>();

  const open = (name: string, options: SpanOptions, parent: Context): Open => {
    const span = tracer.startSpan(name, options, parent);
    return { span, within: trace.setSpan(parent, span) };
  };

  const request = (carrier: TraceCarrier): void => {
    // It is done elsewhere, and may wait there before it is begun.
    const asked = open('stepcompute.run', { kind: SpanKind.PRODUCER }, context.active());
    requests.set(carrier, asked);
    carrier.traceparent = traceparentOf(asked.span.spanContext());
  };

  const begin = ({ run, missing, carrier, joined }: RunBegun): void => {
    const { id, repetitions, seed, generatorName } = run;
    const attributes = {
      'stepcompute.run.id': id,
      'stepcompute.run.repetitions': repetitions,
      'stepcompute.run.seed': seed,
      'stepcompute.simulation.name': generatorName,
      ...(missing !== undefined && { 'stepcompute.run.missing': missing }),
    };
    const asked = carrier && requests.get(carrier);
    asked?.span.setAttributes(attributes);
    const begun = asked ?? open('stepcompute.run', { attributes }, context.active());
    const other = remoteSpanOf(joined);
    if (other !== undefined) begun.span.addLink({ context: other });
    runs.set(id, [...(runs.get(id) ?? []), begun]);
  };

  const end = ({ runId, status, durationMs, error }: RunEnded): void => {
    const attributes = { 'stepcompute.run.status': status, ...errorType(error) };
    instruments.runDuration.record(durationMs / 1000, attributes);
    const [first, ...others] = runs.get(runId) ?? [];
    if (others.length > 0) runs.set(runId, others);
    else runs.delete(runId);
    first?.span.setAttributes(attributes);
    if (first !== undefined) close(first.span, status === 'cancelled' ? undefined : error);
  };

  const beginBlock = ({ runId, block, missing }: BlockBegun): void => {
    const active = context.active();
    const asked = remoteSpanOf(block.traceparent);
    const around = trace.getSpanContext(active);
    const begun = open(
      'stepcompute.block',
      {
        kind: asked === undefined ? SpanKind.INTERNAL : SpanKind.CONSUMER,
        attributes: {
          'stepcompute.run.id': runId,
          'stepcompute.block.first': block.first,
          'stepcompute.block.count': block.count,
          'stepcompute.block.missing': missing,
        },
        // Of the function that was called with the block: another trace’s, as the platform began it.
        links: asked !== undefined && around !== undefined ? [{ context: around }] : [],
      },
      asked === undefined
        ? (runs.get(runId)?.at(-1)?.within ?? active)
        : trace.setSpanContext(active, asked),
    );
    blocks.set(block, begun);
  };

  const endBlock = ({ block, durationMs, error: thrown }: BlockEnded): void => {
    const error = nameOf(thrown) === 'CancelledError' ? undefined : thrown;
    instruments.blockDuration.record(durationMs / 1000, errorType(error));
    const begun = blocks.get(block);
    blocks.delete(block);
    if (begun !== undefined) close(begun.span, error);
  };

  /** The span of what has just ended. */
  const within = (event: AttemptEnded | BatchWritten, attributes: Attributes): void => {
    const now = Date.now();
    const { type, runId, block, durationMs, error } = event;
    const parent = (block && blocks.get(block)) ?? runs.get(runId)?.at(-1);
    const span = tracer.startSpan(
      `stepcompute.${type}`,
      { startTime: now - durationMs, attributes: { 'stepcompute.run.id': runId, ...attributes } },
      parent?.within,
    );
    close(span, error, now);
  };

  return (event) => {
    switch (event.type) {
      case 'request':
        request(event.carrier);
        break;
      case 'run':
        begin(event);
        break;
      case 'block':
        beginBlock(event);
        break;
      case 'attempt': {
        const { iterationId, attempt, durationMs, error } = event;
        instruments.attemptDuration.record(durationMs / 1000, errorType(error));
        if (!hasAttempts) break;
        within(event, {
          'stepcompute.iteration.id': iterationId,
          'stepcompute.attempt.number': attempt,
        });
        break;
      }
      case 'retry':
        instruments.retries.add(1, errorType(event.error));
        break;
      case 'failure':
        instruments.failures.add(1, errorType(event.error));
        break;
      case 'batch': {
        const { of, count, durationMs, error } = event;
        const kind = { 'stepcompute.batch.of': of };
        instruments.batchDuration.record(durationMs / 1000, { ...kind, ...errorType(error) });
        if (of === 'values' && error === undefined) instruments.values.add(count);
        within(event, { ...kind, 'stepcompute.batch.count': count });
        break;
      }
      case 'block-end':
        endBlock(event);
        break;
      case 'end':
        end(event);
        break;
    }
  };
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

/**
 * Where histograms have their steps, in seconds. An SDK's own are meant for milliseconds. A store's are the
 * conventions' of a database client (https://opentelemetry.io/docs/specs/semconv/db/database-metrics/); the others
 * reach from a short generator's 0.1 ms to the quarter of an hour that a function has, and a run's days.
 */
const buckets = {
  run: [0.1, 1, 10, 60, 300, 900, 3600, 14_400, 86_400, 604_800],
  block: [0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 900],
  attempt: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 900],
  batch: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
} as const;

function instrumentsOf(meter: Meter) {
  const seconds = (name: keyof typeof buckets, description: string) =>
    meter.createHistogram(`stepcompute.${name}.duration`, {
      description,
      unit: 's',
      advice: { explicitBucketBoundaries: [...buckets[name]] },
    });
  const count = (name: string, unit: string, description: string) =>
    meter.createCounter(`stepcompute.${name}`, { description, unit: `{${unit}}` });
  return {
    runDuration: seconds('run', 'How long the work on a run takes'),
    blockDuration: seconds('block', 'How long the work on a block takes'),
    attemptDuration: seconds('attempt', 'How long one call of a generator takes'),
    batchDuration: seconds('batch', 'How long a store takes to write a batch'),
    values: count('values', 'value', 'Values that were stored'),
    retries: count('retries', 'retry', 'Attempts that are to be followed by another'),
    failures: count('failures', 'failure', 'Iterations that failed after all of their attempts'),
  };
}
