import { messageOf } from '@stepcompute/core';
import { InterruptedError, SimulationError } from './errors.js';
import { ExitCode } from './exit-codes.js';

/**
 * Breaks a command off from outside: on Ctrl-C; when a simulation throws outside of its promise; and when
 * nothing is left that could settle a promise, where Node would end the process without a word.
 */
export class Interruption {
  readonly #controller = new AbortController();
  #unsettled = 'the command never ends';

  /** Aborted when the command is to end; the reason is a {@link SimulationError} unless it is Ctrl-C. */
  readonly signal = this.#controller.signal;

  /** Listens from now on, for the rest of the process. */
  listen(): this {
    const interrupt = (): void => {
      if (this.signal.aborted) process.exit(ExitCode.interrupted);
      this.#controller.abort();
    };
    const breakOff = (message: string, cause?: unknown): void =>
      this.#controller.abort(new SimulationError(message, { cause }));
    const breakOut = (thrown: unknown): void =>
      breakOff(`the simulation broke outside of its promise: ${messageOf(thrown)}`, thrown);
    process.on('SIGINT', interrupt);
    process.on('SIGTERM', interrupt);
    process.on('uncaughtException', breakOut);
    process.on('unhandledRejection', breakOut);
    process.on('beforeExit', () => breakOff(`${this.#unsettled}: nothing is left to wait for`));
    return this;
  }

  /**
   * Waits for work that heeds the signal by itself.
   * @param unsettled the message when nothing is left that could end it, such as "the database never opens"
   */
  async wait<T>(work: Promise<T>, unsettled: string): Promise<T> {
    const before = this.#unsettled;
    this.#unsettled = unsettled;
    try {
      return await work;
    } catch (error) {
      const { reason } = this.signal as { reason: unknown };
      throw reason instanceof SimulationError ? reason : error;
    } finally {
      this.#unsettled = before;
    }
  }

  /** Waits for work that knows no signal: an interruption abandons it. */
  async race<T>(work: Promise<T>, unsettled: string): Promise<T> {
    const interrupted = new Promise<never>((_, reject) => {
      const abandon = (): void => reject(new InterruptedError('interrupted'));
      if (this.signal.aborted) abandon();
      this.signal.addEventListener('abort', abandon, { once: true });
    });
    return this.wait(Promise.race([work, interrupted]), unsettled);
  }
}
