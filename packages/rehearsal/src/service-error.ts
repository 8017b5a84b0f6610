/** An error as an AWS service answers with it: its name, and the HTTP status that goes with it. */
export class ServiceError extends Error {
  constructor(
    override readonly name: string,
    message: string,
    readonly status = 400,
    /** Further members of the answer's body. */
    readonly members: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}

/** A refusal of a folder that is no cloud assembly, or one that lacks a file of its own. */
export class InvalidAssemblyError extends Error {
  override readonly name = 'InvalidAssemblyError';
}

/** A refusal of something that can't be rehearsed faithfully. */
export class UnsupportedError extends Error {
  override readonly name = 'UnsupportedError';
}
