import { App, Duration, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { StepComputeStack } from './stack.js';

/**
 * The app that `npm run synth` and `npm run deploy` run. Its context: `mode` (inline or distributed),
 * `generator` (a file), `delaySeconds`, `delayIn` (function or state), `concurrency`, `accountConcurrency`,
 * `iterationMs`, `blockSize`, `breakingSchema` (true or false), `stackName`.
 */
const app = new App();
// A fault in the template, by CDK's own linter, fails the synthesis; so does a finding of cdk-nag.
app.node.setContext('@aws-cdk/core:validateAgainstDefaultRules', true);
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));

const context = (name: string): string | undefined => {
  const value: unknown = app.node.tryGetContext(name);
  if (value === undefined || typeof value === 'string') return value;
  // A file of context holds JSON.
  return JSON.stringify(value);
};

function oneOf<T extends string>(name: string, ...allowed: readonly T[]): T | undefined {
  const value = context(name);
  if (value === undefined || (allowed as readonly string[]).includes(value)) return value as T;
  throw new RangeError(`context ${name} must be ${allowed.join(' or ')}; got ${value}`);
}

function wholeNumber(name: string, minimum: number): number | undefined {
  const value = context(name);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (Number.isSafeInteger(number) && number >= minimum) return number;
  throw new RangeError(`context ${name} must be an integer of ${minimum} or more; got ${value}`);
}

const generator = context('generator');
const delaySeconds = wholeNumber('delaySeconds', 0);
const iterationMs = wholeNumber('iterationMs', 0);

new StepComputeStack(app, context('stackName') ?? 'StepCompute', {
  description: 'Runs a simulation N times in parallel, keeps every value, averages them.',
  mode: oneOf('mode', 'inline', 'distributed'),
  generator: generator === undefined ? undefined : { entry: generator },
  delay: delaySeconds === undefined ? undefined : Duration.seconds(delaySeconds),
  delayIn: oneOf('delayIn', 'function', 'state'),
  concurrency: wholeNumber('concurrency', 1),
  accountConcurrency: wholeNumber('accountConcurrency', 1),
  iterationDuration: iterationMs === undefined ? undefined : Duration.millis(iterationMs),
  blockSize: wholeNumber('blockSize', 1),
  breakingSchema: oneOf('breakingSchema', 'true', 'false') === 'true',
});
