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
  /** States entered and retried, as AWS bills them. */
  transitions = 0;
  /** The largest input or output of a state or an execution, in bytes of JSON. */
  largestPayload = 0;
  #hasEnded = false;

  /**
   * @param previous the event that led to this one
   * @returns the event's id; after the end, when what was at work finishes in vain, `previous`
   * @throws StateError when the history is full
   */
  add(previous: number, type: string, details: Readonly<Record<string, object>> = {}): number {
    if (this.#hasEnded) return previous;
    if (this.events.length >= mostEvents - 1) {
      throw new StateError(
        'States.Runtime',
        `The execution reached the maximum number of history events (${mostEvents}).`,
      );
    }
    if (type.endsWith('StateEntered')) this.transitions += 1;
    return this.#push(previous, type, details);
  }

  /** Adds the last event, for which there is always room. */
  end(previous: number, type: string, details: Readonly<Record<string, object>>): void {
    if (this.#hasEnded) return;
    this.#push(previous, type, details);
    this.#hasEnded = true;
  }

  /** The JSON text of a payload, its size noted. */
  payload(value: unknown): string {
    const text = JSON.stringify(value === undefined ? null : value);
    this.largestPayload = Math.max(this.largestPayload, Buffer.byteLength(text));
    return text;
  }

  #push(previousEventId: number, type: string, details: Readonly<Record<string, object>>): number {
    const id = this.events.length + 1;
    const timestamp = (start + performance.now()) / 1000;
    this.events.push({ id, previousEventId, timestamp, type, ...details });
    return id;
  }
}
