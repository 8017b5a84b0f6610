import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';
import {
  blocksOf,
  Orchestration,
  WriteToDb,
  type AssignedBlock,
  type RunPlan,
} from '@stepcompute/core/adapters';
import { inMemoryStores } from '@stepcompute/inmemory-adapter';
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
      return `${of('run.status')}: ${of('run.missing')} of ${of('run.repetitions')} iterations to do`;
    case 'stepcompute.block':
      return `${of('block.count')} iterations from ${of('block.first')} on`;
    case 'stepcompute.attempt': {
      const reason = status.message === undefined ? '' : `: ${status.message}`;
      return `iteration ${of('iteration.id')}, attempt ${of('attempt.number')}${reason}`;
    }
    default:
      return `${of('batch.count')} ${of('batch.of')}`;
  }
}

/** Each span in a line, with those within it indented below. */
function print(spans: readonly ReadableSpan[], parent?: string, indent = ''): void {
  for (const span of spans) {
    if (span.parentSpanContext?.spanId !== parent) continue;
    console.log(`${indent}${span.name} ${described(span)}`);
    print(spans, span.spanContext().spanId, `${indent}  `);
  }
}

async function main(): Promise<void> {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const stores = inMemoryStores();
  const simulation = flaky();
  const settings = {
    concurrency: 1,
    retry: { attempts: 2, backoffMs: 0 },
    observer: openTelemetry({ tracer: provider.getTracer('traced-run') }),
  };
  const step = new WriteToDb(simulation, stores, undefined, settings);
  // An engine would take each block to another process; here all is done in this one.
  const work = ({ run }: RunPlan, block: AssignedBlock): Promise<void> =>
    step.execute({ run, missing: [block], block });
  const executor = {
    async execute(plan: RunPlan): Promise<void> {
      for (const block of blocksOf(plan, 2)) await work(plan, block);
    },
  };
  const orchestrator = new Orchestration({ stores, executor, simulation, settings });
  await orchestrator.run({ repetitions: 3, seed: 42 });
  print(exporter.getFinishedSpans());
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
