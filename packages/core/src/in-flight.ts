import { nameOf } from './errors.js';

/** What aborts the other iterations when one has failed; named as platforms name it. */
export class StoppedError extends Error {
  override readonly name = 'AbortError';

  constructor(cause: unknown) {
    super('the run was stopped, since another iteration failed', { cause });
  }
}

/**
 * What a stop must reach. Each iteration, timer and delay has a signal of its own, since a shared one
 * would gather a listener from each of them.
 */
export class InFlight {
  readonly #controllers = new Set<AbortController>();
  readonly stopped: Promise<void>;
  #markStopped!: () => void;
  #reason: unknown;
  isStopped = false;

  constructor() {
    this.stopped = new Promise((resolve) => {
      this.#markStopped = resolve;
    });
  }

  /** A controller that a stop aborts, until it is closed. */
  open(): AbortController {
    const controller = new AbortController();
    if (this.isStopped) controller.abort(this.#reason);
    else this.#controllers.add(controller);
    return controller;
  }

  close(controller: AbortController): void {
    this.#controllers.delete(controller);
  }

  /** Aborts all that is open and all that will be; only the first stop counts. */
  stop(reason: unknown): void {
    if (this.isStopped) return;
    this.isStopped = true;
    this.#reason = reason;
    this.#markStopped();
    for (const controller of this.#controllers) controller.abort(reason);
    this.#controllers.clear();
  }

  /** Whether `thrown` only says that the work was stopped. */
  isAbort(thrown: unknown): boolean {
    if (!this.isStopped) return false;
    return thrown === this.#reason || nameOf(thrown) === 'AbortError';
  }
}

/** An iteration's abort controller, made when something first asks for its signal. */
export class LazyAbort {
  #controller: AbortController | undefined;

  constructor(private readonly inFlight: InFlight) {}

  get signal(): AbortSignal {
    this.#controller ??= this.inFlight.open();
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#controller?.abort(reason);
  }

  close(): void {
    if (this.#controller !== undefined) this.inFlight.close(this.#controller);
  }
}
