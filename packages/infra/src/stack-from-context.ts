import { Duration, type App } from 'aws-cdk-lib';
import type { Node } from 'constructs';
import { refusal } from './refusal.js';
import { StepComputeStack } from './stack.js';

/**
 * Makes the stack that an app's context tells of: `mode` (inline or distributed), `generator` (a file),
 * `delaySeconds`, `delayIn` (function or state), `concurrency`, `accountConcurrency`, `iterationMs`,
 * `blockSize`, `breakingSchema` (true or false), `stackName`.
 * Where a name or a value is wrong, the process ends with one line that says so.
 */
export function stackFromContext(app: App): void {
  try {
    makeStack(app);
  } catch (error) {
    if (error instanceof TypeError || error instanceof ReferenceError) throw error;
    console.error(String(error));
    // Before CDK synthesizes what is there so far.
    process.exit(1);
  }
}

function makeStack(app: App): void {
  const context = new Context(app.node);
  const generator = context.text('generator');
  const delaySeconds = context.wholeNumber('delaySeconds', 0);
  const iterationMs = context.wholeNumber('iterationMs', 0);
  const props = {
    stackName: context.text('stackName') ?? 'StepCompute',
    mode: context.oneOf('mode', 'inline', 'distributed'),
    generator: generator === undefined ? undefined : { entry: generator },
    delay: delaySeconds === undefined ? undefined : Duration.seconds(delaySeconds),
    delayIn: context.oneOf('delayIn', 'function', 'state'),
    concurrency: context.wholeNumber('concurrency', 1),
    accountConcurrency: context.wholeNumber('accountConcurrency', 1),
    iterationDuration: iterationMs === undefined ? undefined : Duration.millis(iterationMs),
    blockSize: context.wholeNumber('blockSize', 1),
    breakingSchema: context.oneOf('breakingSchema', 'true', 'false') === 'true',
  };
  context.refuseOthers();
  const { stackName, ...rest } = props;
  new StepComputeStack(app, stackName, {
    description: 'Runs a simulation N times in parallel, keeps every value, averages them.',
    ...rest,
  });
}

/** Names that were asked for are ours; those of CDK and of its libraries have a colon, a slash or an @. */
class Context {
  readonly #asked = new Set<string>();

  constructor(private readonly node: Node) {}

  text(name: string): string | undefined {
    this.#asked.add(name);
    const value: unknown = this.node.tryGetContext(name);
    if (value === undefined || typeof value === 'string') return value;
    // A file of context holds JSON.
    return JSON.stringify(value);
  }

  oneOf<T extends string>(name: string, ...allowed: readonly T[]): T | undefined {
    const value = this.text(name);
    if (value === undefined || (allowed as readonly string[]).includes(value)) return value as T;
    throw refusal(`context ${name}`, allowed.join(' or '), value);
  }

  wholeNumber(name: string, minimum: number): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const number = Number(value);
    if (Number.isSafeInteger(number) && number >= minimum) return number;
    throw refusal(`context ${name}`, `an integer of ${minimum} or more`, value);
  }

  refuseOthers(): void {
    const given = Object.keys(this.node.getAllContext() as object);
    const other = given.find((name) => !this.#asked.has(name) && /^\w+$/.test(name));
    if (other !== undefined)
      throw refusal('context', `one of ${[...this.#asked].join(', ')}`, other);
  }
}
