import { context, metrics, SpanStatusCode, trace, type HrTime } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';
import { uniformInteger } from '@stepcompute/core';
import { simulate, VirtualClock } from '@stepcompute/inmemory-adapter';
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
