/** An error as the states language has it: the name is the Error, the message is the Cause. */
export class StateError extends Error {
  constructor(
    override readonly name: string,
    cause: string,
  ) {
    super(cause);
  }

  /** True when a retrier may name it. The interpreter asks, also for `States.ALL`. */
  get isRetryable(): boolean {
    return !terminal.includes(this.name);
  }

  /** True when a catcher may name it. */
  get isCatchable(): boolean {
    return !terminal.includes(this.name);
  }
}

/** An error that ends an execution whatever its states retry and catch. */
const terminal = ['States.DataLimitExceeded', 'States.Runtime'];

/** A task's call: the `Resource`, with what the state gives to it. */
export type Task = (resource: string, given: unknown, call: TaskCall) => Promise<unknown>;

export interface TaskCall {
  /** How long it may take by the state's `TimeoutSeconds`, in milliseconds. */
  readonly timeoutMs: number;
  /** Told how much the time scale has taken off it, in milliseconds. */
  readonly onRemoved: (ms: number) => void;
}

/** 256 KiB, for every input and output. */
export const mostPayloadBytes = 262_144;

/** @throws StateError when a payload's JSON text is longer than a state may take or give */
export function assertPayload(text: string, stateName: string): void {
  if (Buffer.byteLength(text) <= mostPayloadBytes) return;
  throw new StateError(
    'States.DataLimitExceeded',
    `The state/task '${stateName}' returned a result with a size exceeding the maximum number of bytes service limit.`,
  );
}
