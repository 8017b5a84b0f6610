import { join } from 'node:path';
import {
  context,
  metrics,
  SpanKind,
  SpanStatusCode,
  trace,
  type HrTime,
  type Tracer,
} from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  ParentBasedSampler,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';
import {
  CancelledError,
  IterationId,
  PersistenceError,
  RunId,
  uniformInteger,
  type Observer,
  type TraceCarrier,
} from '@stepcompute/core';
import { blocksOf, Orchestration, WriteToDb, type AssignedBlock } from '@stepcompute/core/adapters';
import { inMemoryStores, simulate, VirtualClock } from '@stepcompute/inmemory-adapter';
import { WorkerThreads } from '@stepcompute/worker-threads';
import { openTelemetry, type OpenTelemetryOptions } from '../src/index.js';

const spans = new InMemorySpanExporter();
const tracer = new BasicTracerProvider({
  spanProcessors: [new SimpleSpanProcessor(spans)],
}).getTracer('test');
beforeEach(() => spans.reset());

function millisecondsOf([seconds, nanoseconds]: HrTime): number {
  return seconds * 1000 + nanoseconds / 1e6;
}

function named(name: string): ReadableSpan[] {
  return spans.getFinishedSpans().filter((span) => span.name === `stepcompute.${name}`);
}

/** Two blocks of two iterations each, done here; under the request's trace context where there is one. */
async function inBlocks(observer: Observer, traceparent?: string): Promise<void> {
  const stores = inMemoryStores();
  const worker = new WriteToDb(uniformInteger, stores, new VirtualClock(), { observer });
  const orchestration = new Orchestration({
    stores,
    simulation: uniformInteger,
    // The desk is another process's where a trace context travels.
    settings: traceparent === undefined ? { observer } : {},
    executor: {
      async execute(plan, options) {
        const { run } = plan;
        await Promise.all(
          Array.from(blocksOf(plan, 2), (block) =>
            worker.execute({ run, missing: [block], block: { ...block, traceparent } }, options),
          ),
        );
      },
    },
  });
  await orchestration.run({ repetitions: 4, seed: 42 });
}

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';

describe('the OpenTelemetry observer', () => {
  it('traces a run, with its attempts and batches within', async () => {
    await simulate(uniformInteger, {
      repetitions: 3,
      seed: 42,
      observer: openTelemetry({ tracer }),
    });
    const [run] = named('run');
    expect(run?.attributes).toEqual({
      'stepcompute.run.id': 1,
      'stepcompute.run.repetitions': 3,
      'stepcompute.run.missing': 3,
      'stepcompute.run.seed': 42,
      'stepcompute.simulation.name': 'uniformInteger',
      'stepcompute.run.status': 'completed',
    });
    expect(run?.status.code).toBe(SpanStatusCode.UNSET);
    const attempts = named('attempt');
    expect(attempts.map(({ attributes }) => attributes['stepcompute.iteration.id'])).toEqual([
      0, 1, 2,
    ]);
    const [batch] = named('batch');
    expect(batch?.attributes).toEqual({
      'stepcompute.run.id': 1,
      'stepcompute.batch.of': 'values',
      'stepcompute.batch.count': 3,
    });
    for (const span of [...attempts, batch!]) {
      expect(span.parentSpanContext?.spanId).toBe(run?.spanContext().spanId);
      expect(span.spanContext().traceId).toBe(run?.spanContext().traceId);
    }
  });

  it('gives the run’s span the parent that is active, and leaves attempts out when told to', async () => {
    const parent = tracer.startSpan('a request');
    const active = jest
      .spyOn(context, 'active')
      .mockReturnValue(trace.setSpan(context.active(), parent));
    await simulate(uniformInteger, {
      repetitions: 3,
      observer: openTelemetry({ tracer, attempts: false }),
    });
    active.mockRestore();
    expect(named('attempt')).toEqual([]);
    expect(named('batch')).toHaveLength(1);
    // This tracer starts its spans within what is active.
    expect(named('run')[0]?.parentSpanContext?.spanId).toBe(parent.spanContext().spanId);
  });

  it('says of what failed why, and how long it took by the run’s clock', async () => {
    const clock = new VirtualClock();
    await simulate(
      async ({ iterationId }) => {
        await clock.sleep(250);
        if (iterationId === 1) throw new RangeError('no value');
        return iterationId;
      },
      { repetitions: 2, concurrency: 1, tolerance: 1, clock, observer: openTelemetry({ tracer }) },
    );
    const [fine, failed] = named('attempt');
    expect(fine?.status.code).toBe(SpanStatusCode.UNSET);
    expect(failed?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'no value' });
    expect(failed?.attributes['error.type']).toBe('RangeError');
    expect(failed?.events[0]).toMatchObject({
      name: 'exception',
      attributes: { 'exception.type': 'RangeError', 'exception.message': 'no value' },
    });
    expect(millisecondsOf(failed!.duration)).toBeCloseTo(250, 0);
    expect(named('run')[0]?.status.code).toBe(SpanStatusCode.UNSET);
  });

  it('ends the span of a run that fails with its error, and that of a cancelled one without', async () => {
    const observer = openTelemetry({ tracer });
    const failing = (): number => {
      throw new Error('no value');
    };
    await simulate(failing, { repetitions: 1, observer }).catch(() => undefined);
    const controller = new AbortController();
    const cancelling = (): number => {
      controller.abort();
      return 1;
    };
    await simulate(cancelling, {
      repetitions: 5,
      concurrency: 1,
      signal: controller.signal,
      observer,
    }).catch(() => undefined);
    expect(named('run').map(({ status, attributes }) => [status.code, attributes])).toMatchObject([
      [
        SpanStatusCode.ERROR,
        { 'stepcompute.run.status': 'failed', 'error.type': 'IterationFailedError' },
      ],
      [SpanStatusCode.UNSET, { 'stepcompute.run.status': 'cancelled' }],
    ]);
  });

  it('traces blocks within their run, and what is done in a block within it', async () => {
    await inBlocks(openTelemetry({ tracer }));
    const [run] = named('run');
    const blocks = named('block');
    expect(blocks.map(({ attributes }) => attributes)).toEqual(
      [0, 2].map((first) => ({
        'stepcompute.run.id': 1,
        'stepcompute.block.first': first,
        'stepcompute.block.count': 2,
        'stepcompute.block.missing': 2,
      })),
    );
    for (const block of blocks) {
      expect(block.kind).toBe(SpanKind.INTERNAL);
      expect(block.parentSpanContext?.spanId).toBe(run?.spanContext().spanId);
      const within = [...named('attempt'), ...named('batch')].filter(
        ({ parentSpanContext }) => parentSpanContext?.spanId === block.spanContext().spanId,
      );
      expect(within.map(({ name }) => name)).toEqual([
        'stepcompute.attempt',
        'stepcompute.attempt',
        'stepcompute.batch',
      ]);
    }
  });

  it('goes on in a block with the trace of its request, and links the span that is active there', async () => {
    const around = tracer.startSpan('a function');
    const active = jest
      .spyOn(context, 'active')
      .mockReturnValue(trace.setSpan(context.active(), around));
    try {
      await inBlocks(openTelemetry({ tracer }), `00-${traceId}-${spanId}-01`);
    } finally {
      active.mockRestore();
    }
    expect(named('block')).toHaveLength(2);
    for (const block of named('block')) {
      expect(block.kind).toBe(SpanKind.CONSUMER);
      expect(block.parentSpanContext).toMatchObject({ traceId, spanId, isRemote: true });
      expect(block.links).toMatchObject([{ context: around.spanContext() }]);
    }
    for (const span of [...named('attempt'), ...named('batch')]) {
      expect(span.spanContext().traceId).toBe(traceId);
    }
  });

  it('leaves a block’s spans out where its request is not sampled', async () => {
    const exporter = new InMemorySpanExporter();
    const sampled = new BasicTracerProvider({
      sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
      spanProcessors: [new SimpleSpanProcessor(exporter)],
    }).getTracer('test');
    await inBlocks(openTelemetry({ tracer: sampled }), `00-${traceId}-${spanId}-00`);
    expect(exporter.getFinishedSpans()).toEqual([]);
    await inBlocks(openTelemetry({ tracer: sampled }), `00-${traceId}-${spanId}-01`);
    expect(exporter.getFinishedSpans()).toHaveLength(2 + 4 + 2);
  });

  it.each([
    ['no trace context', 'none'],
    ['a version to come', `01-${traceId}-${spanId}-01`],
    ['no trace', `00-${'0'.repeat(32)}-${spanId}-01`],
    ['no span', `00-${traceId}-${'0'.repeat(16)}-01`],
  ])('begins a trace of its own in a block whose request has %s', async (_, traceparent) => {
    await inBlocks(openTelemetry({ tracer }), traceparent);
    const [block] = named('block');
    expect(block?.parentSpanContext).toBeUndefined();
    expect(block?.kind).toBe(SpanKind.INTERNAL);
  });

  it('says of a block why it failed, and takes none that was cancelled for a failure', () => {
    const observer = openTelemetry({ tracer });
    const block: AssignedBlock = { first: IterationId.parse(0), count: 2 };
    const endWith = (error: Error): void => {
      const about = { runId: RunId.parse(1), block };
      observer({ type: 'block', ...about, missing: 2 });
      observer({ type: 'block-end', ...about, durationMs: 5, error });
    };
    endWith(new PersistenceError('no answer', { retryable: true }));
    endWith(new CancelledError(RunId.parse(1), undefined, {}));
    const [failed, cancelled] = named('block');
    expect(failed?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'no answer' });
    expect(failed?.attributes['error.type']).toBe('PersistenceError');
    expect(cancelled?.status).toEqual({ code: SpanStatusCode.UNSET });
    expect(cancelled?.attributes).not.toHaveProperty('error.type');
  });

  it('gives a request’s trace context away before there is a run, and links what it joins', async () => {
    const observer = openTelemetry({ tracer });
    const { run } = await simulate(uniformInteger, { repetitions: 1 });
    const [first, second]: [TraceCarrier, TraceCarrier] = [{}, {}];
    for (const carrier of [first, second]) observer({ type: 'request', carrier });
    // Two requests under one key, at the same time.
    observer({ type: 'run', run, carrier: first });
    observer({ type: 'run', run, carrier: second, joined: first.traceparent });
    for (let each = 0; each < 2; each += 1) {
      observer({ type: 'end', runId: run.id, status: 'completed', durationMs: 1 });
    }
    const [begun, joining] = named('run');
    const own = begun!.spanContext();
    expect(first).toEqual({ traceparent: `00-${own.traceId}-${own.spanId}-01` });
    expect(begun).toMatchObject({ kind: SpanKind.PRODUCER, links: [] });
    expect(begun?.attributes).toMatchObject({ 'stepcompute.run.id': run.id });
    expect(begun?.attributes).not.toHaveProperty('stepcompute.run.missing');
    expect(joining?.links).toMatchObject([
      { context: { traceId: own.traceId, spanId: own.spanId } },
    ]);
  });

  it('traces a run whose iterations are done in worker threads', async () => {
    const threads = new WorkerThreads({
      module: join(__dirname, 'simulations', 'ids.mjs'),
      workers: 2,
    });
    try {
      await simulate(threads.generate, { repetitions: 50, observer: openTelemetry({ tracer }) });
    } finally {
      await threads.close();
    }
    const [run] = named('run');
    const parts = [...named('attempt'), ...named('batch')];
    expect(named('attempt')).toHaveLength(50);
    expect(new Set(parts.map(({ parentSpanContext }) => parentSpanContext?.spanId))).toEqual(
      new Set([run?.spanContext().spanId]),
    );
  });

  it('leaves a run unharmed whose tracer throws', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation();
    const broken = {
      startSpan: (): never => {
        throw new Error('no room for spans');
      },
    } as unknown as Tracer;
    try {
      const asked = { repetitions: 10, seed: 42 };
      const { average } = await simulate(uniformInteger, {
        ...asked,
        observer: openTelemetry({ tracer: broken }),
      });
      expect(average).toEqual((await simulate(uniformInteger, asked)).average);
      expect(warn).toHaveBeenCalledTimes(1);
    } finally {
      warn.mockRestore();
    }
  });

  it('counts and measures, in seconds', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter });
    const provider = new MeterProvider({ readers: [reader] });
    const clock = new VirtualClock();
    await simulate(
      async ({ iterationId }) => {
        await clock.sleep(2000);
        if (iterationId === 1) throw new RangeError('no value');
        return iterationId;
      },
      {
        repetitions: 4,
        concurrency: 1,
        tolerance: 1,
        retry: { attempts: 2, backoffMs: 0 },
        clock,
        observer: openTelemetry({ tracer, meter: provider.getMeter('test') }),
      },
    );
    await provider.forceFlush();
    await provider.shutdown();
    const found = new Map(
      exporter
        .getMetrics()
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((each) => each.metrics))
        .map((metric) => [metric.descriptor.name, metric]),
    );
    const points = (name: string): unknown[] =>
      (found.get(`stepcompute.${name}`)?.dataPoints ?? []).map(({ attributes, value }) => [
        attributes,
        typeof value === 'object' && 'count' in value ? [value.count, value.sum] : value,
      ]);
    expect(points('values')).toEqual([[{}, 3]]);
    expect(points('retries')).toEqual([[{ 'error.type': 'RangeError' }, 1]]);
    expect(points('failures')).toEqual([[{ 'error.type': 'RangeError' }, 1]]);
    expect(points('attempt.duration')).toEqual([
      [{}, [3, 6]],
      [{ 'error.type': 'RangeError' }, [2, 4]],
    ]);
    expect(points('run.duration')).toEqual([[{ 'stepcompute.run.status': 'completed' }, [1, 10]]]);
    const [attempts] = found.get('stepcompute.attempt.duration')?.dataPoints ?? [];
    // The steps are those of the advice, not an SDK's for milliseconds.
    expect(attempts?.value).toMatchObject({
      buckets: { boundaries: expect.arrayContaining([0.0001, 1, 900]) as number[] },
    });
    expect(found.get('stepcompute.attempt.duration')?.descriptor.unit).toBe('s');
    expect(found.get('stepcompute.values')?.descriptor.unit).toBe('{value}');
  });

  it('does nothing where no SDK is registered, and refuses an option that there is not', async () => {
    expect(metrics.getMeterProvider()).toBeDefined();
    const { average } = await simulate(uniformInteger, {
      repetitions: 10,
      seed: 42,
      observer: openTelemetry(),
    });
    expect(average.count).toBe(10);
    const misspelt = { trace: tracer } as OpenTelemetryOptions;
    expect(() => openTelemetry(misspelt)).toThrow(
      'options must be an object with tracer, meter, attempts alone; got "trace"',
    );
  });
});
