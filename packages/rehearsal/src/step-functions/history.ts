import { performance } from 'node:perf_hooks';
import { StateError } from './state-error.js';

/** An event as GetExecutionHistory tells it; the timestamp in seconds since 1970. */
export interface HistoryEvent {
  readonly id: number;
  readonly previousEventId: number;
  readonly timestamp: number;
  readonly type: string;
  readonly [details: `${string}EventDetails`]: object | undefined;
}

/** AWS ends an execution that would come to more; the last of them tells of the end. */
const mostEvents = 25_000;

const start = Date.now() - performance.now();

/** The history of one execution. */
export class History {
  readonly events: HistoryEvent[] = [];
  /** States entered and retried, and redrives, as AWS bills them. */
  transitions = 0;
  /** The largest input or output of a state or an execution, in bytes of JSON. */
  largestPayload = 0;

  /** True when the next event must be the last. */
  get isFull(): boolean {
    return this.events.length >= mostEvents - 1;
  }

  push(previousEventId: number, type: string, details: Readonly<Record<string, object>>): number {
    const id = this.events.length + 1;
    const timestamp = (start + performance.now()) / 1000;
    this.events.push({ id, previousEventId, timestamp, type, ...details });
    return id;
  }
}

/** One attempt at an execution, as it writes to the history: nothing any more once it has ended. */
export class HistoryWriter {
  #isOpen = true;

  constructor(private readonly history: History) {}

  /** True when the attempt goes on; what is at work after its end finishes in vain. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * @param previous the event that led to this one
   * @returns the event's id; after the end, `previous`
   * @throws StateError when the history is full
   */
  add(previous: number, type: string, details: Readonly<Record<string, object>> = {}): number {
    if (!this.#isOpen) return previous;
    if (this.history.isFull) {
      throw new StateError(
        'States.Runtime',
        `The execution reached the maximum number of history events (${mostEvents}).`,
      );
    }
    if (type.endsWith('StateEntered') || type === 'ExecutionRedriven')
      this.history.transitions += 1;
    return this.history.push(previous, type, details);
  }

  /** Adds the last event, for which there is always room. */
  end(previous: number, type: string, details: Readonly<Record<string, object>>): void {
    if (!this.#isOpen) return;
    this.history.push(previous, type, details);
    this.#isOpen = false;
  }

  /** Counts a state that is tried again, which AWS has no event for. */
  countRetry(): void {
    if (this.#isOpen) this.history.transitions += 1;
  }

  /** The JSON text of a payload, its size noted. */
  payload(value: unknown): string {
    const text = JSON.stringify(value === undefined ? null : value);
    this.history.largestPayload = Math.max(this.history.largestPayload, Buffer.byteLength(text));
    return text;
  }
}
