import type * as api from '@opentelemetry/api';
import { metrics, trace } from '@opentelemetry/api';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { uniformInteger } from '@stepcompute/core';
import { simulate } from '@stepcompute/inmemory-adapter';
import { flushOpenTelemetry, registeredOpenTelemetry } from '../src/index.js';

afterEach(() => {
  trace.disable();
  metrics.disable();
});

/** An SDK's provider that counts how many spans have ended. */
class CountingProvider extends BasicTracerProvider {
  ended = 0;

  constructor(forceFlush: () => Promise<void> = () => Promise.resolve()) {
    const processor: SpanProcessor = {
      onStart: () => undefined,
      onEnd: () => {
        this.ended += 1;
      },
      forceFlush,
      shutdown: () => Promise.resolve(),
    };
    super({ spanProcessors: [processor] });
  }
}

it('there is no observer where no SDK is registered, and nothing to flush', async () => {
  expect(registeredOpenTelemetry()).toBeUndefined();
  await flushOpenTelemetry();
});

it('there is one where an SDK is registered, for traces or for metrics', async () => {
  const provider = new CountingProvider();
  trace.setGlobalTracerProvider(provider);
  await simulate(uniformInteger, { repetitions: 1, observer: registeredOpenTelemetry() });
  // The run, its attempt and its batch.
  expect(provider.ended).toBe(3);
  trace.disable();
  expect(registeredOpenTelemetry()).toBeUndefined();
  metrics.setGlobalMeterProvider(new MeterProvider());
  expect(registeredOpenTelemetry()).toBeDefined();
});

it('an SDK is found, and flushed, that another copy of the API has registered', async () => {
  const flush = jest.fn(() => Promise.resolve());
  jest.isolateModules(() => {
    const other = jest.requireActual<typeof api>('@opentelemetry/api');
    expect(other.trace).not.toBe(trace);
    other.trace.setGlobalTracerProvider(new CountingProvider(flush));
  });
  expect(registeredOpenTelemetry()).toBeDefined();
  await flushOpenTelemetry();
  expect(flush).toHaveBeenCalledTimes(1);
});

it('an SDK that can’t send what it has harms nobody', async () => {
  const flush = jest.fn(() => Promise.reject(new Error('no collector')));
  trace.setGlobalTracerProvider(new CountingProvider(flush));
  await flushOpenTelemetry();
  expect(flush).toHaveBeenCalledTimes(1);
});
