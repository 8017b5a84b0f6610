import { messageOf } from '@stepcompute/core';
import { InterruptedError, SimulationError } from './errors.js';

/**
 * Breaks a command off from outside: on a signal; when something throws outside of every promise that is
 * waited for; and when nothing is left that could settle one, where Node would end the process without a
 * word. The last two are taken for the simulation's while one is at hand, and else for a bug.
 */
export class Interruption {
  readonly #controller = new AbortController();
  #unsettled = 'the command never ends';
  #broken: Error | undefined;

  /** True from when a simulation's file is opened until its engine has ended. */
  hasSimulation = false;

  /** Aborted when the command is to end. */
  readonly signal = this.#controller.signal;

  /** @param lastWords gets what is to be said if the command is ended at once, in place of what was said before */
  constructor(readonly lastWords: (lines: readonly string[]) => void = () => undefined) {}

  /** Asks the command to end. */
  interrupt(): void {
    this.#controller.abort();
  }

  /** Notices from now on, for the rest of the thread, what breaks outside of every promise. */
  listen(): this {
    const breakOut = (thrown: unknown): void => {
      const who = this.hasSimulation ? 'the simulation' : 'stepcompute itself';
      this.#breakOff(`${who} broke outside of its promise: ${messageOf(thrown)}`, thrown);
    };
    process.on('uncaughtException', breakOut);
    process.on('unhandledRejection', breakOut);
    process.on('beforeExit', () =>
      this.#breakOff(`${this.#unsettled}: nothing is left to wait for`),
    );
    return this;
  }

  #breakOff(message: string, cause?: unknown): void {
    if (this.signal.aborted) return;
    const options = { cause };
    this.#broken = this.hasSimulation
      ? new SimulationError(message, options)
      : new Error(message, options);
    this.#controller.abort(this.#broken);
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
      throw this.#broken ?? error;
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
