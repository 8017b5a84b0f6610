import type * as Interpreter from 'aws-local-stepfunctions';

/** The interpreter, which is an ES module. */
export async function loadInterpreter(): Promise<typeof Interpreter> {
  (Promise as { withResolvers?: unknown }).withResolvers ??= withResolvers;
  return import('aws-local-stepfunctions');
}

/** Node 20 has no such thing, and it is all of Node 22 that the interpreter wants. */
function withResolvers(): { promise: Promise<unknown>; resolve: unknown; reject: unknown } {
  let resolve: unknown;
  let reject: unknown;
  const promise = new Promise((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** The part of the interpreter's events that is read. */
export interface InterpreterEvent {
  readonly type: string;
  /** The error's name, of a state that failed. */
  readonly Error?: string;
  readonly state?: InterpreterState;
}

export interface InterpreterState {
  readonly name: string;
  readonly input: unknown;
  readonly output?: unknown;
}

/** The interpreter wraps what a state failed with. */
export function causeOf(error: unknown): unknown {
  const { name, cause } = error as { name?: string; cause?: unknown };
  return name === 'ExecutionError' && cause !== undefined ? cause : error;
}
