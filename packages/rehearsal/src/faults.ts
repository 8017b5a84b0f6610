import { createHash } from 'node:crypto';
import type { StatementFault } from './rds-data/rds-data-service.js';

export interface FaultProps {
  /** How likely a call of a function or of the Data API meets a fault, 0 to 1. Default: 0. */
  readonly rate?: number | undefined;
  /** How likely a call of a function by a state is throttled, 0 to 1, beside those faults. Default: 0. */
  readonly throttles?: number | undefined;
  /** How likely a function's process dies while it is at work, 0 to 1. Default: 0. */
  readonly crashes?: number | undefined;
  /** The same seed has the same faults at the same calls. Default: 0. */
  readonly seed?: number | undefined;
}

/** An invocation that went wrong without the function's doing, as Step Functions sees it. */
export interface InvocationFault {
  readonly error: string;
  readonly cause: string;
  /** True when the function has done its work all the same. */
  readonly isDone: boolean;
}

const throttle: InvocationFault = {
  error: 'Lambda.TooManyRequestsException',
  cause: 'Rate Exceeded.',
  isDone: false,
};

const invocationFaults: readonly InvocationFault[] = [
  throttle,
  { error: 'Lambda.ServiceException', cause: 'Lambda failed (500).', isDone: false },
  { error: 'Lambda.AWSLambdaException', cause: 'Lambda failed (503).', isDone: false },
  { error: 'Lambda.SdkClientException', cause: 'Unable to read the answer.', isDone: true },
];

const statementFaults: readonly StatementFault[] = [
  'resuming',
  'timeoutAfterCommit',
  'droppedConnection',
  'droppedAnswer',
];

const endFaults = statementFaults.filter((fault) => fault !== 'resuming');

/** Faults as a seed has them: call n of a kind meets the same one in every rehearsal. */
export class Faults {
  readonly #counts = new Map<string, number>();
  /** How many of each kind there were. */
  readonly injected = new Map<string, number>();
  readonly #rate: number;
  readonly #throttles: number;
  readonly #crashes: number;
  readonly #seed: number;

  /** @throws RangeError when a likelihood is not between 0 and 1 */
  constructor({ rate = 0, throttles = 0, crashes = 0, seed = 0 }: FaultProps) {
    for (const [name, value] of Object.entries({ rate, throttles, crashes })) {
      if (!(value >= 0 && value <= 1)) {
        throw new RangeError(`${name} must be a number from 0 to 1; got ${value}`);
      }
    }
    this.#rate = rate;
    this.#throttles = throttles;
    this.#crashes = crashes;
    this.#seed = seed;
  }

  nextInvocation(): InvocationFault | undefined {
    const fault =
      this.#next('throttle', this.#throttles, [throttle]) ??
      this.#next('invocation', this.#rate, invocationFaults);
    if (fault !== undefined) this.#count(fault.error);
    return fault;
  }

  nextStatement(endsTransaction: boolean): StatementFault | undefined {
    const faults = endsTransaction ? endFaults : statementFaults;
    const fault = this.#next('statement', this.#rate, faults);
    if (fault !== undefined) this.#count(fault);
    return fault;
  }

  /** @returns at which part of its time, 0 to 1, the next invocation's process is to die, if it is */
  nextCrash(): number | undefined {
    const { chance, choice } = this.#draw('crash');
    return chance < this.#crashes ? choice : undefined;
  }

  /** To be told of each process that did die: one that was quicker has ended well. */
  countCrash(): void {
    this.#count('crash');
  }

  #next<T>(kind: string, likelihood: number, faults: readonly T[]): T | undefined {
    const { chance, choice } = this.#draw(kind);
    return chance < likelihood ? faults[Math.floor(choice * faults.length)] : undefined;
  }

  /** Two numbers in [0, 1) that the seed, the kind and the call's number come to. */
  #draw(kind: string): { readonly chance: number; readonly choice: number } {
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    const digest = createHash('sha256').update(`${this.#seed} ${kind} ${count}`).digest();
    return { chance: digest.readUInt32LE(0) / 2 ** 32, choice: digest.readUInt32LE(4) / 2 ** 32 };
  }

  #count(name: string): void {
    this.injected.set(name, (this.injected.get(name) ?? 0) + 1);
  }
}
