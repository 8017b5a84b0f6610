/** An error as the states language has it: the name is the Error, the message is the Cause. */
export class StateError extends Error {
  constructor(
    override readonly name: string,
    cause: string,
  ) {
    super(cause);
  }
}

/** What a task calls: the `Resource`, with what the state gives to it. */
export type Task = (resource: string, given: unknown) => Promise<unknown>;

/** 256 KiB, for every input and output. */
export const mostPayloadBytes = 262_144;
