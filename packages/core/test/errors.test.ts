import vm from 'node:vm';
import { isStepComputeError, StepComputeError } from '../src/errors/base.js';
import { InvalidInputError } from '../src/errors/invalid-input-error.js';
import { describeValue } from '../src/errors/masking.js';
import { messageOf, placeOf, reasonOf } from '../src/errors/thrown.js';
import { IterationId, RunId, Seed } from '../src/run/numbers.js';
import {
  AverageOverflowError,
  CancelledError,
  ChangedDesignError,
  ChangedSimulationError,
  ConflictingRunError,
  ConflictingValueError,
  DeletedRunError,
  IncomparableRunsError,
  IncompleteRunError,
  InvalidValueError,
  IterationFailedError,
  IterationTimeoutError,
  PersistenceError,
  RunNotFoundError,
  ScenariosFailedError,
  StartedRunError,
  StepFailedError,
  ToleranceExceededError,
} from '../src/run/run-errors.js';
import * as core from '../src/index.js';

const runId = RunId.parse(12);
const iterationId = IterationId.parse(5);
const cause = new RangeError('the cause');
const seed = Seed.parse(42);
const withoutFrames = Object.assign(new RangeError('the cause'), { stack: undefined });
const ledger = { requested: 10, completed: 4, failed: 1, missing: 5 };

const taxonomy: readonly {
  readonly error: StepComputeError;
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}[] = [
  {
    error: new InvalidInputError('seed', 'an integer', 'x', { cause }),
    name: 'InvalidInputError',
    code: 'INVALID_INPUT',
    message: 'seed must be an integer; got "x"',
    details: { field: 'seed', expected: 'an integer', received: 'x', cause },
  },
  {
    error: new RunNotFoundError(runId),
    name: 'RunNotFoundError',
    code: 'RUN_NOT_FOUND',
    message: 'run 12 does not exist in this store',
    details: { runId: 12 },
  },
  {
    error: new StartedRunError(runId),
    name: 'StartedRunError',
    code: 'STARTED_RUN',
    message:
      'run 12 is started: somebody is at work on it, or was killed; end or resume it first, ' +
      'or delete it all the same (force)',
    details: { runId: 12 },
  },
  {
    error: new DeletedRunError(runId, 'nightly'),
    name: 'DeletedRunError',
    code: 'DELETED_RUN',
    message: 'idempotency key "nightly" belongs to run 12, which was deleted: use a new key',
    details: { runId: 12, idempotencyKey: 'nightly' },
  },
  {
    error: new ConflictingRunError(runId, 'nightly', 'repetitions', 5, 6),
    name: 'ConflictingRunError',
    code: 'CONFLICTING_RUN',
    message:
      'idempotency key "nightly" belongs to run 12, whose repetitions is 5, not 6: ' +
      'repeat the first input or use a new key',
    details: { runId: 12, idempotencyKey: 'nightly', field: 'repetitions' },
  },
  {
    error: new IterationFailedError({ runId, seed }, iterationId, withoutFrames, 2),
    name: 'IterationFailedError',
    code: 'ITERATION_FAILED',
    message: 'iteration 5 of run 12 failed: the cause (seed 42, 2 attempts)',
    details: { runId: 12, iterationId: 5, seed: 42, attempts: 2, cause: withoutFrames },
  },
  {
    error: new ChangedDesignError('strikes', ['scenario a: run 12 has another delayMs']),
    name: 'ChangedDesignError',
    code: 'CHANGED_DESIGN',
    message:
      'experiment "strikes" was begun with another design: scenario a: run 12 has another delayMs. ' +
      'Go on with the design as it was, or use a new name or key',
    details: { experiment: 'strikes', differences: ['scenario a: run 12 has another delayMs'] },
  },
  {
    error: new ScenariosFailedError('strikes', [{ scenario: 'a', error: cause }], 3),
    name: 'ScenariosFailedError',
    code: 'SCENARIOS_FAILED',
    message: '1 of 3 scenarios of experiment "strikes" failed; a: the cause',
    details: { experiment: 'strikes', failed: [{ scenario: 'a', error: cause }], cause },
  },
  {
    error: new ChangedSimulationError(runId, 'its code differs'),
    name: 'ChangedSimulationError',
    code: 'CHANGED_SIMULATION',
    message:
      'run 12 is of another simulation than the one at hand: its code differs. Go on with the ' +
      'simulation as it was, begin a new run, or accept the change (acceptChangedSimulation)',
    details: { runId: 12, difference: 'its code differs' },
  },
  {
    error: new InvalidValueError(NaN),
    name: 'InvalidValueError',
    code: 'INVALID_VALUE',
    message: 'a value must be a finite number; the generator returned NaN',
    details: { received: NaN },
  },
  {
    error: new IterationTimeoutError(1500),
    name: 'IterationTimeoutError',
    code: 'ITERATION_TIMEOUT',
    message: 'the generator did not settle within 1500 ms',
    details: { timeoutMs: 1500 },
  },
  {
    error: new ConflictingValueError(runId, iterationId, 0.5, -2),
    name: 'ConflictingValueError',
    code: 'CONFLICTING_VALUE',
    message: 'iteration 5 of run 12 already has the value 0.5; the different value -2 was refused',
    details: { runId: 12, iterationId: 5, kept: 0.5, offered: -2 },
  },
  {
    error: new IncomparableRunsError(runId, RunId.parse(13), 'measures of run 12: a; of run 13: b'),
    name: 'IncomparableRunsError',
    code: 'INCOMPARABLE_RUNS',
    message: "runs 12 and 13 can't be compared: measures of run 12: a; of run 13: b",
    details: { control: 12, run: 13, difference: 'measures of run 12: a; of run 13: b' },
  },
  {
    error: new IncompleteRunError(runId, { requested: 10, completed: 7, failed: 1, missing: 2 }),
    name: 'IncompleteRunError',
    code: 'INCOMPLETE_RUN',
    message:
      'run 12 has 7 of 10 values, 1 failed and 2 are missing: ' +
      'an average is taken over a complete run or not at all',
    details: { runId: 12, tolerated: 0 },
  },
  {
    error: new ToleranceExceededError(runId, 3, 2, { cause }),
    name: 'ToleranceExceededError',
    code: 'TOLERANCE_EXCEEDED',
    message: 'run 12 tolerates 2 failures, and 3 of its iterations failed; the lowest: the cause',
    details: { runId: 12, failed: 3, tolerated: 2, cause },
  },
  {
    error: new AverageOverflowError({ cause }),
    name: 'AverageOverflowError',
    code: 'AVERAGE_OVERFLOW',
    message:
      'the values are too large to average: their sum, or the sum of their squared deviations, ' +
      'leaves the range of a double; scale the simulation’s result down',
    details: { cause },
  },
  {
    error: new PersistenceError('the database is gone', { retryable: true, cause }),
    name: 'PersistenceError',
    code: 'PERSISTENCE',
    message: 'the database is gone',
    details: { retryable: true, cause },
  },
  {
    error: new StepFailedError('WriteToDb', 'Sandbox.Timedout', 'Task timed out', { cause }),
    name: 'StepFailedError',
    code: 'STEP_FAILED',
    message: 'WriteToDb failed with Sandbox.Timedout: Task timed out',
    details: { step: 'WriteToDb', errorName: 'Sandbox.Timedout', cause },
  },
  {
    error: new CancelledError(runId, ledger, { cause }),
    name: 'CancelledError',
    code: 'CANCELLED',
    message: 'run 12 was cancelled: 4 of 10 values are stored, 1 failed, 5 missing',
    details: { runId: 12, ledger, cause },
  },
];

describe.each(taxonomy)('$name', ({ error, name, code, message, details }) => {
  it('has a stable name and code', () => {
    expect(error.name).toBe(name);
    expect(error.code).toBe(code);
  });

  it('says what happened, in words and in properties', () => {
    expect(error.message).toBe(message);
    expect(error).toMatchObject(details);
  });

  it('shows its name in its stack and when it is printed', () => {
    expect(error.stack?.startsWith(`${name}: ${message}`)).toBe(true);
    expect(String(error)).toBe(`${name}: ${message}`);
  });

  it('is an Error of the taxonomy', () => {
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(StepComputeError);
    expect(core[name as keyof typeof core]).toBe(error.constructor);
    expect(isStepComputeError(error)).toBe(true);
  });
});

it('an incomplete run says how many failures it tolerates, if any', () => {
  const ledger = { requested: 10, completed: 7, failed: 3, missing: 0 };
  expect(new IncompleteRunError(runId, ledger, 2).message).toBe(
    'run 12 has 7 of 10 values, 3 failed and 0 are missing: ' +
      'an average is taken when none is missing and at most 2 failed',
  );
});

describe('the taxonomy', () => {
  it('is covered by these tests to the last class', () => {
    const exported: [string, unknown][] = Object.entries(core);
    const names = exported
      .filter(
        ([, value]) => typeof value === 'function' && value.prototype instanceof StepComputeError,
      )
      .map(([name]) => name);
    expect(names.sort()).toEqual(taxonomy.map(({ name }) => name).sort());
  });

  it('gives no two classes the same code', () => {
    expect(new Set(taxonomy.map(({ code }) => code)).size).toBe(taxonomy.length);
  });

  it('keeps the name that a minifier takes from the class', () => {
    const minified = class extends RunNotFoundError {};
    expect(new minified(runId).name).toBe('RunNotFoundError');
  });

  it('says when a cancelled run had not begun', () => {
    const error = new CancelledError(undefined, undefined, { cause });
    expect(error.message).toBe('cancelled before a run was allocated');
    expect(error).toMatchObject({ runId: undefined, ledger: undefined, cause });
  });
});

describe('the place of what was thrown', () => {
  it('is the first line of its stack that is in no package and not of the platform', () => {
    expect(placeOf(new Error('here'))).toMatch(/^errors\.test\.ts:\d+:\d+$/);
    const stack = (...frames: string[]): Error =>
      Object.assign(new Error('x'), {
        stack: ['Error: x', ...frames.map((frame) => `    at ${frame}`)].join('\n'),
      });
    expect(
      placeOf(
        stack(
          'node:internal/modules/esm/loader:12:3',
          'draw (/app/node_modules/dice/index.js:1:2)',
          'async Object.generate (file:///home/me/my%20sims/pricing.ts?t=1:12:9)',
          'file:///home/me/other.ts:1:1',
        ),
      ),
    ).toBe('pricing.ts:12:9');
    expect(placeOf(stack('C:\\sims\\pricing.mjs:3:4'))).toBe('pricing.mjs:3:4');
    expect(placeOf(stack('new Promise (<anonymous>)'))).toBeUndefined();
    expect(placeOf('text')).toBeUndefined();
  });

  it('is told of a failed iteration, with its seed', () => {
    const failed = new IterationFailedError({ runId, seed }, iterationId, cause);
    expect(failed.message).toMatch(
      /^iteration 5 of run 12 failed: the cause, at errors\.test\.ts:\d+:\d+ \(seed 42\)$/,
    );
  });

  it('is not told of an error that says itself what was wrong with the value', () => {
    const failed = new IterationFailedError(
      { runId, seed },
      iterationId,
      new InvalidValueError(NaN),
    );
    expect(failed.message).toBe(
      'iteration 5 of run 12 failed: a value must be a finite number; the generator returned NaN (seed 42)',
    );
  });
});

describe('isStepComputeError', () => {
  it('knows the errors of a second copy of the package, where instanceof does not', async () => {
    await jest.isolateModulesAsync(async () => {
      const copy = await import('../src/index.js');
      const foreign = new copy.RunNotFoundError(runId);
      expect(foreign).not.toBeInstanceOf(StepComputeError);
      expect(isStepComputeError(foreign)).toBe(true);
      expect(copy.isStepComputeError(new RunNotFoundError(runId))).toBe(true);
    });
  });

  it('goes by the brand', () => {
    const branded = { [Symbol.for('@stepcompute/core/StepComputeError')]: true };
    expect(isStepComputeError(branded)).toBe(true);
  });

  it.each([
    new Error('x'),
    { name: 'RunNotFoundError', code: 'RUN_NOT_FOUND' },
    null,
    undefined,
    'x',
  ])('does not take %p for one', (other) => {
    expect(isStepComputeError(other)).toBe(false);
  });
});

describe('the reason of what was thrown', () => {
  const bare = (message: string, options?: ErrorOptions): Error =>
    Object.assign(new Error(message, options), { stack: undefined });

  it('is its message and those of its causes, and the place where it was thrown', () => {
    const refused = bare('connect ECONNREFUSED 127.0.0.1:1');
    expect(reasonOf(bare('fetch failed', { cause: refused }))).toBe(
      'fetch failed: connect ECONNREFUSED 127.0.0.1:1',
    );
    expect(reasonOf(new Error('fetch failed', { cause: refused }))).toMatch(
      /^fetch failed: connect ECONNREFUSED 127\.0\.0\.1:1, at errors\.test\.ts:\d+:\d+$/,
    );
  });

  it('is the first of several errors in one, which need not have a message', () => {
    const several = new AggregateError([bare('::1 refused'), bare('127.0.0.1 refused')]);
    several.stack = '';
    expect(reasonOf(bare('fetch failed', { cause: several }))).toBe('fetch failed: ::1 refused');
  });

  it('says nothing twice, and ends where causes go round or are many', () => {
    expect(reasonOf(bare('boom: no air', { cause: bare('no air') }))).toBe('boom: no air');
    const round = bare('round');
    round.cause = bare('and round', { cause: round });
    expect(reasonOf(round)).toBe('round: and round');
    let deep = bare('0');
    for (let depth = 1; depth < 9; depth += 1) deep = bare(String(depth), { cause: deep });
    expect(reasonOf(deep)).toBe('8: 7: 6: 5: 4');
  });

  it('is the place of a cause where the error itself has none of its own', () => {
    expect(reasonOf(bare('outer', { cause: new Error('inner') }))).toMatch(
      /^outer: inner, at errors\.test\.ts:\d+:\d+$/,
    );
  });

  it('repeats no secret of a cause', () => {
    const driver = bare('cannot reach postgres://me:hunter2@host/db');
    expect(reasonOf(bare('no prices', { cause: driver }))).toBe(
      'no prices: cannot reach postgres:…',
    );
  });

  it('is there for whatever is thrown', () => {
    expect(reasonOf('text')).toBe('"text"');
    expect(reasonOf(undefined)).toBe('undefined');
    expect(reasonOf(Object.assign(bare(''), { name: 'Odd' }))).toBe('Odd');
    expect(reasonOf(bare('outer', { cause: null }))).toBe('outer');
    expect(reasonOf(bare('outer', { cause: 'text' }))).toBe('outer: "text"');
  });
});

describe('messageOf', () => {
  it('is the message of an error', () => {
    expect(messageOf(new TypeError('no'))).toBe('no');
    expect(messageOf(new RunNotFoundError(runId))).toBe('run 12 does not exist in this store');
  });

  it('is the message of an error from another realm, as Jest makes of each that Node throws', () => {
    const foreign: unknown = vm.runInNewContext('new TypeError("no")');
    expect(foreign).not.toBeInstanceOf(Error);
    expect(messageOf(foreign)).toBe('no');
  });

  it.each([
    ['boom', '"boom"'],
    [42, '42'],
    [undefined, 'undefined'],
    [null, 'null'],
    [{ status: 500 }, 'an object'],
  ])('describes %p, which is no error', (thrown, message) => {
    expect(messageOf(thrown)).toBe(message);
  });
});

describe('describeValue', () => {
  it.each([
    ['a"b\n', String.raw`"a\"b\n"`],
    ['', '""'],
    [0, '0'],
    [-0, '-0'],
    [1.5, '1.5'],
    [NaN, 'NaN'],
    [7n, '7n'],
    [true, 'true'],
    [undefined, 'undefined'],
    [null, 'null'],
    [[1, 2], 'an array'],
    [{ a: 1 }, 'an object'],
    [new Date(0), 'an object'],
    [() => 1, 'a function'],
    [Symbol('s'), 'a symbol'],
  ])('shows %p as %s', (value, description) => {
    expect(describeValue(value)).toBe(description);
  });

  it('shows a text of 80 characters whole and cuts a longer one', () => {
    expect(describeValue('x'.repeat(80))).toBe(`"${'x'.repeat(80)}"`);
    expect(describeValue('x'.repeat(81))).toBe(`"${'x'.repeat(80)}…"`);
    expect(describeValue('x'.repeat(1e6))).toHaveLength(83);
  });

  it('does not trip over what has no text of its own', () => {
    expect(describeValue(Object.create(null))).toBe('an object');
    expect(
      describeValue({
        toString: () => {
          throw new Error('unprintable');
        },
      }),
    ).toBe('an object');
  });
});

it.each([
  ['postgres://user:pass@host/db', '"postgres:…"'],
  ['postgres://host/db?password=pass&x=1', '"postgres:…"'],
  ['a text @ home', '"a text @ home"'],
])('what is wrong is repeated without a password: %s', (given, repeated) => {
  expect(describeValue(given)).toBe(repeated);
});
