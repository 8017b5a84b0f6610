/** Aborts the other iterations when one has failed; named as platforms name it. */
export class StoppedError extends Error {
  override readonly name = 'AbortError';

  constructor(cause: unknown) {
    super('the run was stopped, since another iteration failed', { cause });
  }
}

/**
 * Reaches everything in flight. Each iteration, timer and delay has a signal of its own, since a
 * shared one would gather a listener from each of them.
 */
export class Stop {
  readonly #controllers = new Set<AbortController>();
  /** Resolves when the work is stopped. */
  readonly stopped: Promise<void>;
  #markStopped!: () => void;
  #reason: unknown;
  isStopped = false;

  constructor() {
    this.stopped = new Promise((resolve) => {
      this.#markStopped = resolve;
    });
  }

  /** A controller that a stop aborts, until it is closed; at once when the work is stopped already. */
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
}
