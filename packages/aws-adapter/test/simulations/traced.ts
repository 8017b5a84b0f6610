import { trace } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  InMemorySpanExporter,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';
import { uniformInteger } from '@stepcompute/core';

/** A span as a function's log has it, in a line of its own. */
export interface LoggedSpan {
  readonly span: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parent: string | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
}

class LogExporter extends InMemorySpanExporter {
  override export(
    spans: readonly ReadableSpan[],
    done: Parameters<InMemorySpanExporter['export']>[1],
  ): void {
    for (const span of spans) {
      const { traceId, spanId } = span.spanContext();
      const parent = span.parentSpanContext?.spanId;
      const { name, attributes } = span;
      const logged: LoggedSpan = { span: name, traceId, spanId, parent, attributes };
      console.log(JSON.stringify(logged));
    }
    super.export([...spans], done);
  }
}

// Holds spans back for seconds, so that only what is flushed comes before the function stands still.
const processor = new BatchSpanProcessor(new LogExporter());
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [processor] }));

export default uniformInteger;
