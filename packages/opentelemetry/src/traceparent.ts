import { isSpanContextValid, type SpanContext } from '@opentelemetry/api';
import { isTraceparent } from '@stepcompute/core/adapters';

/**
 * Writes a span's context as W3C Trace Context does: https://www.w3.org/TR/trace-context/#traceparent-header.
 * Undefined for a span of no SDK. A propagator that an SDK registers may be another's, or none; what travels
 * with a run is to be the same everywhere.
 */
export function traceparentOf(span: SpanContext): string | undefined {
  if (!isSpanContextValid(span)) return undefined;
  const flags = span.traceFlags.toString(16).padStart(2, '0');
  return `00-${span.traceId}-${span.spanId}-${flags}`;
}

/** Reads it again. Undefined of anything else, since a trace that can't be gone on with is no harm to a run. */
export function remoteSpanOf(traceparent: string | undefined): SpanContext | undefined {
  if (!isTraceparent(traceparent)) return undefined;
  const [, traceId = '', spanId = '', flags = ''] = traceparent.split('-');
  const span = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return isSpanContextValid(span) ? span : undefined;
}
