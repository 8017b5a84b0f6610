import { facts } from './facts.js';
import { iterationsAtATime, limitsOf, type LimitedSettings } from './limits.js';

const { newAccountConcurrency, accountConcurrency } = facts.lambda;

/** Functions that accounts let work at a time: a new one, one in between, one as AWS's quota has it. */
export const accountSizes: readonly number[] = [newAccountConcurrency, 100, accountConcurrency];

/** How large a run is, and who works on it. */
export interface RunLengthProps {
  readonly repetitions: number;
  /** Functions that the account lets the deployment have at work at a time. */
  readonly functions: number;
  /** How long a function takes for one iteration, apart from the delay. Default: 0. */
  readonly secondsPerIteration?: number | undefined;
}

/**
 * How long a run takes at least, with so many functions at work at a time: its rounds of delays, and what
 * the functions compute. Starts, throttles and statements come to it.
 * @param settings those of the deployment; what is left out is as {@link StepCompute} has it
 * @returns seconds
 * @throws RangeError when the settings do not fit together
 */
export function runSeconds(settings: LimitedSettings, props: RunLengthProps): number {
  const { mode, delay, delayIn, concurrency, blockSize, mostBlocks } = limitsOf(settings);
  const { repetitions, functions, secondsPerIteration = 0 } = props;
  const delaySeconds = delay.toSeconds({ integral: false });
  const size =
    mode === 'inline'
      ? 1
      : Math.min(repetitions, Math.max(blockSize, Math.ceil(repetitions / mostBlocks)));
  const assignments = Math.ceil(repetitions / size);
  const computing = size * secondsPerIteration;
  const atATime = Math.min(concurrency, functions);
  if (delayIn === 'function') {
    const inFunction = Math.ceil(size / iterationsAtATime) * delaySeconds + computing;
    return Math.ceil(assignments / atATime) * inFunction;
  }
  // A state that waits takes no function: those whose wait is over compute as functions are free.
  return Math.max(
    Math.ceil(assignments / concurrency) * (delaySeconds + computing),
    delaySeconds + Math.ceil(assignments / atATime) * computing,
  );
}
