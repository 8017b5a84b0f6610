import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import pLimit from 'p-limit';
import type { FunctionDefinition } from '../assembly.js';
import { after } from '../timer.js';
import { Instance, type InstanceProps } from './instance.js';

/** How one invocation went. */
export interface Invocation {
  /** JSON: the handler's answer, or Lambda's description of the error. */
  readonly payload: string;
  /** Undefined for an answer; `Unhandled` for an error. */
  readonly functionError: 'Unhandled' | undefined;
  /** As it would be on AWS: with what the time scale takes off the function's waits. */
  readonly durationMs: number;
  readonly initMs: number;
  /** The part of the duration that the time scale has taken off. */
  readonly removedMs: number;
  /** True when the process was killed at work, as it was asked for. */
  readonly hasCrashed: boolean;
}

export interface FunctionPoolProps {
  readonly definition: FunctionDefinition;
  /** Variables for every function, beside its own environment. */
  readonly environment: () => Readonly<Record<string, string>>;
  /** The most processes at a time; further events wait for one. */
  readonly mostInstances: number;
  readonly instance: InstanceProps;
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
    const instance = this.#take();
    const start = performance.now();
    let killedFor: 'time' | 'crash' | undefined;
    const kill = (reason: 'time' | 'crash'): void => {
      killedFor ??= reason;
      instance.kill();
    };
    const timers = [after(timeoutMs, () => kill('time'))];
    if (crashAt !== undefined) {
      timers.push(after(crashAt * this.#latestMs, () => kill('crash')));
    }
    const answer = await instance.invoke({ requestId, arn, timeoutMs, payload });
    for (const callOff of timers) callOff();
    const realMs = performance.now() - start;
    this.#latestMs = realMs;
    if ('isOver' in answer) killedFor ??= 'time';
    if ('payload' in answer) {
      if (killedFor === undefined && !answer.isBroken) this.#idle.push(instance);
      else this.#drop(instance);
      return {
        payload: answer.payload,
        functionError: answer.failed ? 'Unhandled' : undefined,
        durationMs: Math.max(0, realMs - answer.initMs) + answer.removedMs,
        initMs: answer.initMs,
        removedMs: answer.removedMs,
        hasCrashed: false,
      };
    }
    this.#drop(instance);
    const { errorType, reason } =
      killedFor === 'time'
        ? {
            errorType: 'Sandbox.Timedout',
            reason: `Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`,
          }
        : {
            errorType: 'Runtime.ExitError',
            reason: `Runtime exited with error: ${'exit' in answer ? answer.exit : ''}`,
          };
    const errorMessage = `RequestId: ${requestId} Error: ${reason}`;
    return {
      payload: JSON.stringify({ errorType, errorMessage }),
      functionError: 'Unhandled',
      durationMs: killedFor === 'time' ? timeoutMs : realMs,
      removedMs: killedFor === 'time' ? Math.max(0, timeoutMs - realMs) : 0,
      initMs: 0,
      hasCrashed: killedFor === 'crash',
    };
  }

  /** One that waits for an event, unless it has ended meanwhile, or a new one. */
  #take(): Instance {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (!idle.isGone) return idle;
      this.#drop(idle);
    }
    return this.#start();
  }

  #drop(instance: Instance): void {
    this.#all.delete(instance);
    instance.kill();
  }

  #start(): Instance {
    const { definition, environment, onLine } = this.props;
    const instance = new Instance(definition, environment(), this.props.instance, onLine);
    this.#all.add(instance);
    return instance;
  }
}
