import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';
import type { Observer } from '@stepcompute/core';
import { expectedAverage } from '@stepcompute/core/testing';
import { openTelemetry } from '@stepcompute/opentelemetry';
import { StepFunctionsOrchestrator } from '../src/step-functions-orchestrator.js';
import { blockSize, deploy, type Deployment } from './deployment.js';
import type { LoggedSpan } from './simulations/traced.js';

const repetitions = 25;

// The two differ in the input that a Map gives its items.
describe.each([
  ['inline', repetitions],
  ['distributed', Math.ceil(repetitions / blockSize)],
] as const)('a run rehearsed on AWS, %s', (mode, assignments) => {
  let deployment: Deployment;
  let logged: LoggedSpan[] = [];
  const finished = new InMemorySpanExporter();
  const tracer = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(finished)],
  }).getTracer('test');

  beforeAll(async () => {
    deployment = await deploy({
      mode,
      module: 'traced.ts',
      onLog: (_, line) => {
        if (line.startsWith('{"span"')) logged.push(JSON.parse(line) as LoggedSpan);
      },
    });
  });
  afterAll(() => deployment.close());
  beforeEach(() => {
    logged = [];
    finished.reset();
  });

  function orchestratorOf(observer: Observer): StepFunctionsOrchestrator {
    const { sfn: client, stateMachineArn, stores } = deployment;
    return new StepFunctionsOrchestrator({ client, stateMachineArn, stores, pollMs: 20, observer });
  }

  const named = (name: string): LoggedSpan[] =>
    logged.filter(({ span }) => span === `stepcompute.${name}`);

  const contextOf = (span: ReadableSpan | undefined) => {
    const { traceId, spanId } = span!.spanContext();
    return { traceId, spanId };
  };

  it('is one trace, from who asks for it to each attempt in a function', async () => {
    const asked = { repetitions, seed: 42 };
    const { run, average } = await orchestratorOf(openTelemetry({ tracer })).run(asked);
    expect(average).toEqual(expectedAverage(42, repetitions));
    const [root, ...others] = finished.getFinishedSpans();
    expect(others).toEqual([]);
    const { traceId, spanId } = contextOf(root);
    expect(root?.attributes).toMatchObject({
      'stepcompute.run.id': run.id,
      'stepcompute.run.status': 'completed',
    });
    expect(named('block')).toHaveLength(assignments);
    for (const block of named('block')) expect(block).toMatchObject({ traceId, parent: spanId });
    const blocks = new Map(named('block').map(({ spanId: id, attributes }) => [id, attributes]));
    expect(named('attempt')).toHaveLength(repetitions);
    for (const { traceId: trace, parent, attributes } of named('attempt')) {
      const first = Number(blocks.get(parent ?? '')?.['stepcompute.block.first']);
      const iterationId = attributes['stepcompute.iteration.id'];
      const size = mode === 'inline' ? 1 : blockSize;
      expect([trace, iterationId]).toEqual([traceId, expect.any(Number)]);
      expect(first).toBe(Math.floor(Number(iterationId) / size) * size);
    }
    const stored = named('batch').map(({ attributes }) => attributes['stepcompute.batch.count']);
    expect(stored.reduce<number>((sum, count) => sum + Number(count), 0)).toBe(repetitions);
    // The trace is no part of what was asked for.
    expect(JSON.stringify(run)).not.toContain(traceId);
  });

  it('is met by who repeats its request under another trace, whose span links the first', async () => {
    const asked = { repetitions, seed: 42, idempotencyKey: `traced-${mode}` };
    const orchestrator = orchestratorOf(openTelemetry({ tracer }));
    const [first, again] = await Promise.all([orchestrator.run(asked), orchestrator.run(asked)]);
    const later = await orchestratorOf(openTelemetry({ tracer })).run(asked);
    expect([again.run.id, later.run.id]).toEqual([first.run.id, first.run.id]);
    expect(later.average).toEqual(first.average);
    const spans = finished.getFinishedSpans();
    const [origin, ...none] = spans.filter(({ links }) => links.length === 0);
    expect(none).toEqual([]);
    expect(spans.filter((span) => span !== origin).map(({ links }) => links)).toMatchObject([
      [{ context: contextOf(origin) }],
      [{ context: contextOf(origin) }],
    ]);
    expect(new Set(named('block').map(({ traceId }) => traceId))).toEqual(
      new Set([contextOf(origin).traceId]),
    );
  });

  it('has traces of its blocks alone, where who asks for it traces nothing', async () => {
    await deployment.orchestrator.run({ repetitions, seed: 42 });
    expect(named('block')).toHaveLength(assignments);
    for (const { parent } of named('block')) expect(parent).toBeUndefined();
  });

  it('is unharmed by an observer that throws, or gives no trace context', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation();
    try {
      const orchestrator = orchestratorOf((event) => {
        if (event.type === 'request') event.carrier.traceparent = 'none';
        throw new Error('no room for spans');
      });
      const { average } = await orchestrator.run({ repetitions, seed: 42 });
      expect(average).toEqual(expectedAverage(42, repetitions));
      expect(warn).toHaveBeenCalledTimes(1);
    } finally {
      warn.mockRestore();
    }
  });

  it('is traced again when it is resumed, with what is missing of it', async () => {
    const orchestrator = orchestratorOf(openTelemetry({ tracer }));
    const { run } = await orchestrator.run({ repetitions, seed: 42 });
    logged = [];
    finished.reset();
    await orchestrator.resume(run.id, { repetitions: repetitions + 1 });
    const [root] = finished.getFinishedSpans();
    const [block, ...others] = named('block');
    expect(others).toEqual([]);
    expect(block).toMatchObject({
      ...{ traceId: contextOf(root).traceId, parent: contextOf(root).spanId },
      attributes: { 'stepcompute.block.missing': 1 },
    });
  });
});
