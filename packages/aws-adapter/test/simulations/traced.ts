import { trace } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
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

const toLog: SpanExporter = {
  export: (spans, done) => {
    for (const { name: span, attributes, parentSpanContext, ...rest } of spans.map(described)) {
      const { traceId, spanId } = rest.context;
      const logged: LoggedSpan = {
        span,
        traceId,
        spanId,
        parent: parentSpanContext?.spanId,
        attributes,
      };
      console.log(JSON.stringify(logged));
    }
    done({ code: 0 });
  },
  shutdown: () => Promise.resolve(),
};

function described(span: ReadableSpan) {
  const { name, attributes, parentSpanContext } = span;
  return { name, attributes, parentSpanContext, context: span.spanContext() };
}

// Holds spans back for seconds, so that only what is flushed comes before the function stands still.
const provider = new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(toLog)] });
trace.setGlobalTracerProvider(provider);

export default uniformInteger;
