import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import pLimit from 'p-limit';
import type { FunctionDefinition } from '../cloud-assembly.js';
import { Instance } from './instance.js';

/** How one invocation went. */
export interface Invocation {
  /** JSON: the handler's answer, or Lambda's description of the error. */
  readonly payload: string;
  /** Undefined for an answer; `Unhandled` for an error. */
  readonly functionError: 'Unhandled' | undefined;
  readonly durationMs: number;
  readonly initMs: number;
  /** Whether the process was killed at work, as it was asked for. */
  readonly hasCrashed: boolean;
}

export interface FunctionPoolProps {
  readonly definition: FunctionDefinition;
  /** What every function gets beside its own environment. */
  readonly environment: () => Readonly<Record<string, string>>;
  /** The most processes at a time; further events wait for one. */
  readonly mostInstances: number;
  readonly onLine: (line: string) => void;
}

/** A function's instances: started when they are needed, kept for the next event, several at once. */
export class FunctionPool {
  readonly #idle: Instance[] = [];
  readonly #all = new Set<Instance>();
  readonly #limit: ReturnType<typeof pLimit>;
  #isClosed = false;
  /** How long the latest invocation took; at first, about what a start does. */
  #latestMs = 100;

  constructor(private readonly props: FunctionPoolProps) {
    this.#limit = pLimit(props.mostInstances);
  }

  get definition(): FunctionDefinition {
    return this.props.definition;
  }

  /**
   * @param crashAt kills the instance's process while it is at work: at which part of the time, 0 to 1,
   *   that the invocation before this one took
   */
  invoke(payload: string, crashAt?: number): Promise<Invocation> {
    return this.#limit(() => this.#invoke(payload, crashAt));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#all].map((instance) => instance.close()));
  }

  async #invoke(payload: string, crashAt: number | undefined): Promise<Invocation> {
    const { timeoutMs, arn } = this.props.definition;
    if (this.#isClosed) throw new Error('the function is gone: its rehearsal was closed');
    const requestId = randomUUID();
    const instance = this.#takeIdle() ?? this.#start();
    const start = performance.now();
    const late = new AbortController();
    const timeUp = setTimeout(() => {
      late.abort();
      instance.kill();
    }, timeoutMs);
    const crash =
      crashAt === undefined
        ? undefined
        : setTimeout(() => instance.kill(), crashAt * this.#latestMs);
    const answer = await instance.invoke({
      requestId,
      arn,
      deadline: Date.now() + timeoutMs,
      payload,
    });
    clearTimeout(timeUp);
    clearTimeout(crash);
    const durationMs = performance.now() - start;
    this.#latestMs = durationMs;
    if ('payload' in answer) {
      this.#idle.push(instance);
      return {
        payload: answer.payload,
        functionError: answer.failed ? 'Unhandled' : undefined,
        durationMs: durationMs - answer.initMs,
        initMs: answer.initMs,
        hasCrashed: false,
      };
    }
    this.#all.delete(instance);
    const error = late.signal.aborted
      ? {
          errorType: 'Sandbox.Timedout',
          errorMessage: `RequestId: ${requestId} Error: Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`,
        }
      : {
          errorType: 'Runtime.ExitError',
          errorMessage: `RequestId: ${requestId} Error: Runtime exited with error: ${answer.exit}`,
        };
    return {
      payload: JSON.stringify(error),
      functionError: 'Unhandled',
      durationMs,
      initMs: 0,
      hasCrashed: crash !== undefined && !late.signal.aborted,
    };
  }

  /** A kept instance, but for one whose process has ended since its last event. */
  #takeIdle(): Instance | undefined {
    for (let instance = this.#idle.pop(); instance !== undefined; instance = this.#idle.pop()) {
      if (!instance.isGone) return instance;
      this.#all.delete(instance);
    }
    return undefined;
  }

  #start(): Instance {
    const { definition, environment, onLine } = this.props;
    const instance = new Instance(definition, environment(), onLine);
    this.#all.add(instance);
    return instance;
  }
}
