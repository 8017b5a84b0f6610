import { describeValue } from '../errors/masking.js';

/** The two functions of a test runner that the suites need: Jest's, Vitest's and node:test's all fit. */
export interface TestRunner {
  readonly describe: (name: string, define: () => void) => unknown;
  readonly it: (name: string, test: () => Promise<void>) => unknown;
}

/** Fails unless the two print the same as JSON and, for numbers, are the same to the bit. */
export function assertEqual(actual: unknown, expected: unknown, what: string): void {
  const same =
    typeof expected === 'object' && expected !== null
      ? JSON.stringify(actual) === JSON.stringify(expected)
      : Object.is(actual, expected);
  if (!same) throw new Error(`${what}: expected ${print(expected)}, got ${print(actual)}`);
}

/** Fails unless `condition` holds. */
export function assert(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

/** Fails unless `promise` rejects with an error of this name that has these properties; answers with the error. */
export async function assertRejects(
  promise: Promise<unknown>,
  name: string,
  properties: Readonly<Record<string, unknown>> = {},
): Promise<Error> {
  let answer: unknown;
  try {
    answer = await promise;
  } catch (error) {
    if (!(error instanceof Error) || error.name !== name) {
      throw new Error(`expected ${name}, got ${String(error)}`, { cause: error });
    }
    const actual = error as unknown as Record<string, unknown>;
    for (const [key, value] of Object.entries(properties)) {
      assertEqual(actual[key], value, `${name}.${key}`);
    }
    return error;
  }
  throw new Error(`expected ${name}, but the call succeeded with ${print(answer)}`);
}

function print(value: unknown): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : describeValue(value);
}
