import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';
import { simulate } from '@stepcompute/inmemory-adapter';
import { openTelemetry } from '@stepcompute/opentelemetry';

/** A simulation whose second iteration fails once. */
function flaky(): (context: { readonly iterationId: number }) => number {
  let hasFailed = false;
  return ({ iterationId }) => {
    if (iterationId === 1 && !hasFailed) {
      hasFailed = true;
      throw new Error('the carrier did not answer');
    }
    return iterationId;
  };
}

function described({ name, attributes, status }: ReadableSpan): string {
  const of = (key: string): string => String(attributes[`stepcompute.${key}`]);
  switch (name) {
    case 'stepcompute.run':
      return `${name} ${of('run.status')}: ${of('run.missing')} of ${of('run.repetitions')} iterations to do`;
    case 'stepcompute.attempt': {
      const reason = status.message === undefined ? '' : `: ${status.message}`;
      return `  ${name} iteration ${of('iteration.id')}, attempt ${of('attempt')}${reason}`;
    }
    default:
      return `  ${name} ${of('batch.count')} ${of('batch.of')}`;
  }
}

async function main(): Promise<void> {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  await simulate(flaky(), {
    repetitions: 3,
    concurrency: 1,
    retry: { attempts: 2, backoffMs: 0 },
    observer: openTelemetry({ tracer: provider.getTracer('traced-run') }),
  });
  // The run's span ends last, and comes first in its trace.
  const [run, ...parts] = exporter.getFinishedSpans().reverse();
  for (const span of [run!, ...parts.reverse()]) console.log(described(span));
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
