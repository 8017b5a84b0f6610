import { createNoopMeter, metrics, ProxyTracerProvider, trace } from '@opentelemetry/api';
import type { Observer } from '@stepcompute/core';
import { shortly } from '@stepcompute/core/adapters';
import { openTelemetry } from './open-telemetry.js';

/** A provider of an SDK, which may hold back what it has until it is told. */
interface Flushable {
  readonly forceFlush?: () => Promise<void>;
}

/**
 * The observer of where an SDK is registered; undefined, so that observing costs nothing, where none is. For a
 * process whose SDK somebody else brings, as a layer of a Lambda function does: call it when that has happened.
 */
export function registeredOpenTelemetry(): Observer | undefined {
  return tracerProvider() !== undefined || meterProvider() !== undefined
    ? openTelemetry()
    : undefined;
}

/**
 * Has a registered SDK send what it has, before the process is frozen. Waits for it no longer than a few
 * seconds; never rejects.
 */
export async function flushOpenTelemetry(): Promise<void> {
  const providers = [tracerProvider(), meterProvider()].filter((each) => each !== undefined);
  if (providers.length === 0) return;
  const flushed = Promise.all(providers.map(async (provider) => provider.forceFlush?.()));
  await shortly(flushed, undefined);
}

/** Undefined where none is registered. */
function tracerProvider(): Flushable | undefined {
  const provider = trace.getTracerProvider();
  // The API’s own stands for what is to come. Of an SDK that another copy of the API has registered, it is that copy’s.
  if (provider instanceof ProxyTracerProvider && provider.getDelegateTracer('') === undefined) {
    return undefined;
  }
  return 'getDelegate' in provider
    ? ((provider as ProxyTracerProvider).getDelegate() as Flushable)
    : (provider as Flushable);
}

/** Undefined where none is registered. */
function meterProvider(): Flushable | undefined {
  const provider = metrics.getMeterProvider();
  return provider.getMeter('') === createNoopMeter() ? undefined : (provider as Flushable);
}
