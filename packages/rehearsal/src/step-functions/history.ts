import { performance } from 'node:perf_hooks';

/** An event as GetExecutionHistory tells it; the timestamp in seconds since 1970. */
export interface HistoryEvent {
  readonly id: number;
  readonly previousEventId: number;
  readonly timestamp: number;
  readonly type: string;
  readonly [details: `${string}EventDetails`]: object | undefined;
}

/** AWS ends an execution that comes to more events. */
const mostEvents = 25_000;

const start = Date.now() - performance.now();

/** The history of one execution. */
export class History {
  readonly events: HistoryEvent[] = [];
  /** States entered and retried, as AWS bills them. */
  transitions = 0;
  /** The largest input or output of a state or an execution, in bytes of JSON. */
  largestPayload = 0;

  /**
   * @param previous the event that led to this one
   * @returns the event's id
   * @throws an error as an execution fails with when its history is full
   */
  add(previous: number, type: string, details: Readonly<Record<string, object>> = {}): number {
    if (this.events.length >= mostEvents) {
      throw Object.assign(
        new Error('The execution reached the maximum number of history events.'),
        {
          name: 'States.Runtime',
        },
      );
    }
    const id = this.events.length + 1;
    const timestamp = (start + performance.now()) / 1000;
    this.events.push({ id, previousEventId: previous, timestamp, type, ...details });
    if (type.endsWith('StateEntered')) this.transitions += 1;
    return id;
  }

  /** The JSON text of a payload, its size noted. */
  payload(value: unknown): string {
    const text = JSON.stringify(value === undefined ? null : value);
    this.largestPayload = Math.max(this.largestPayload, Buffer.byteLength(text));
    return text;
  }
}
