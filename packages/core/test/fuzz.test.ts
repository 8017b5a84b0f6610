import fc from 'fast-check';
import { isStepComputeError } from '../src/errors/base.js';
import type { ValueGenerator } from '../src/simulation/generator.js';
import { RetrieveRunId } from '../src/steps/retrieve-run-id.js';
import { WriteToDb } from '../src/steps/write-to-db.js';
import { FakeStores, ManualClock } from './fakes.js';

/** Objects that throw when they are looked at. */
const hostile = fc.constantFrom<() => unknown>(
  () => new Proxy({}, { has: refuse, get: refuse, getPrototypeOf: refuse }),
  () => Object.defineProperty({}, 'then', { get: refuse }),
  () => ({ then: 5 }),
  () => ({ then: refuse }),
  () => Object.defineProperty(new Error(''), 'message', { get: refuse }),
  () => Object.defineProperty(new Error(''), 'name', { get: refuse }),
  () => Object.assign(new Error('text'), { name: 5, message: {} }),
  () => Object.assign(new Error('\0\ud800'), { name: '' }),
  () => ({ toString: refuse, valueOf: refuse, [Symbol.toPrimitive]: refuse }),
  () => Symbol('a symbol'),
  () => () => 5,
  () => new Date(NaN),
  () => 2n ** 2000n,
);

function refuse(): never {
  throw new TypeError('not for you');
}

const anything = fc.oneof(
  fc.double().map((value) => () => value),
  fc
    .anything({ withBigInt: true, withDate: true, withNullPrototype: true, withObjectString: true })
    .map((value) => () => value),
  // Made late, since fast-check looks at what it generates.
  hostile,
);

/** The ways of a generator with what it comes to. */
const ways: readonly ((what: unknown) => ValueGenerator)[] = [
  (what) => () => what as number,
  (what) => () => Promise.resolve(what as number),
  (what) => () => {
    throw what as Error;
  },

  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- whatever it may be
  (what) => () => Promise.reject(what),
  (what) => () =>
    ({ then: (resolve: (value: unknown) => void) => resolve(what) }) as Promise<number>,
];

describe('whatever a generator comes to', () => {
  it('is a stored value, or a failure on record and an error of the taxonomy', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...ways),
        anything,
        fc.boolean(),
        async (way, make, tolerant) => {
          const stores = new FakeStores();
          const plan = await new RetrieveRunId(stores).execute({
            repetitions: 3,
            tolerance: tolerant ? 3 : 0,
          });
          const step = new WriteToDb(way(make()), stores, new ManualClock());
          let thrown: unknown;
          try {
            await step.execute(plan);
          } catch (error) {
            thrown = error;
          }
          if (thrown !== undefined) {
            expect(isStepComputeError(thrown)).toBe(true);
            expect(tolerant).toBe(false);
          }
          for (const value of stores.kept.values()) expect(Number.isFinite(value)).toBe(true);
          for (const { errorName, message } of stores.recorded) {
            expect(typeof errorName).toBe('string');
            expect(typeof message).toBe('string');
          }
          expect(stores.kept.size > 0).toBe(stores.recorded.length === 0);
        },
      ),
      { numRuns: 1000, seed: 1 },
    );
  });
});
