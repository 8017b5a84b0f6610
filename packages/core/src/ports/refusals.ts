import { InvalidInputError } from '../errors/invalid-input-error.js';
import type { Ledger } from '../run/ledger.js';
import { IterationId, parseInteger, type RunId } from '../run/numbers.js';
import { areSameMeasures } from '../run/measures.js';
import { ChangedSimulationError, IncompleteRunError } from '../run/run-errors.js';
import type { Run } from '../run/run.js';
import { parseValue, type IterationValue } from '../simulation/value.js';
import type { IterationFailure, Stores } from './stores.js';

// All stores refuse the same, in the same words.

/**
 * Runs of one place, and values of another, would be taken for each other's.
 * @throws InvalidInputError when two of them are of different places
 */
export function refuseMixed(stores: Stores): void {
  if (typeof stores !== 'object' || (stores as unknown) === null) {
    throw new InvalidInputError('stores', 'a set of stores', stores);
  }
  const { runs, tombstones, values, failures, averages } = stores;
  const all = { runs, tombstones, values, failures, averages };
  for (const [name, store] of Object.entries(all)) {
    if (typeof store !== 'object' || (store as unknown) === null) {
      throw new InvalidInputError('stores', `a set of stores, with ${name}`, store);
    }
  }
  const places = [runs, tombstones, values, failures].flatMap(({ place }) => place ?? []);
  if (new Set(places).size > 1) {
    throw new InvalidInputError(
      'stores',
      'one set: runs, tombstones, values and failures of one place',
      stores,
    );
  }
}

/**
 * The failure as it is kept: no store keeps NUL or half a surrogate pair, since PostgreSQL's text has
 * neither, and a failure that could not be recorded would be worse. U+FFFD stands for each.
 * @throws InvalidInputError when its iteration id is not one, or its attempts are no whole number from 1 on
 */
export function parseFailure(failure: IterationFailure): IterationFailure {
  return {
    iterationId: IterationId.parse(failure.iterationId),
    errorName: wellFormed(failure.errorName),
    message: wellFormed(failure.message),
    attempts: parseInteger(failure.attempts, 'attempts', 1, 2 ** 31 - 1),
  };
}

function wellFormed(text: string): string {
  return text.replaceAll(/\0|\p{Surrogate}/gu, '\u{fffd}');
}

/**
 * A run is never made shorter, since values would be left over.
 * @throws InvalidInputError when the run has more repetitions than asked for
 */
export function refuseFewerRepetitions(
  { id, repetitions }: Pick<Run, 'id' | 'repetitions'>,
  asked: number | undefined,
): void {
  if (asked !== undefined && asked < repetitions) {
    throw new InvalidInputError('repetitions', `at least run ${id}'s ${repetitions}`, asked);
  }
}

/**
 * A run with a goal says by itself how many repetitions it has.
 * @throws InvalidInputError when it is to have others
 */
export function refuseOwnRepetitions(
  { id, precision }: Pick<Run, 'id' | 'precision'>,
  asked: number | undefined,
): void {
  if (asked === undefined || precision === undefined) return;
  const { halfWidth, maximum } = precision;
  const expected =
    `left out: run ${id} goes on by itself until its mean is known to ±${halfWidth}, ` +
    `or it has ${maximum} repetitions`;
  throw new InvalidInputError('repetitions', expected, asked);
}

/**
 * Iterations' values as they are kept: the same array where nothing of it needs a change, as nearly always.
 * @param measures how many numbers each must have
 * @throws InvalidValueError when a number is not finite
 * @throws InvalidInputError when an iteration id is not one, or a value has not as many numbers
 */
export function parseIterationValues(
  rows: readonly IterationValue[],
  measures: number,
): readonly IterationValue[] {
  let areAsKept = true;
  for (const { iterationId, value, more } of rows) {
    IterationId.parse(iterationId);
    const count = more === undefined ? 1 : 1 + more.length;
    if (count !== measures) throw otherMeasures(measures, count);
    if (!isAsKept(value)) areAsKept = false;
    // By position: a hole is no number.
    for (let place = 0; place < count - 1; place += 1) {
      if (!isAsKept(more![place]!)) areAsKept = false;
    }
  }
  return areAsKept ? rows : rows.map(asKept);
}

function asKept({ value, more, ...row }: IterationValue): IterationValue {
  const kept = { ...row, value: parseValue(value) };
  return more === undefined ? kept : { ...kept, more: more.map(parseValue) };
}

function isAsKept(number: number): boolean {
  return Object.is(parseValue(number), number);
}

/** A value has another number of measures than its run. */
export function otherMeasures(expected: number, received: number): InvalidInputError {
  const numbers = expected === 1 ? 'one number' : `${expected} numbers`;
  return new InvalidInputError(
    'values',
    `${numbers} an iteration, as the run has measures`,
    received,
  );
}

/**
 * Other measures than the run's are never accepted: its values could not be averaged together.
 * @throws ChangedSimulationError
 */
export function refuseOtherMeasures(
  { id, measures }: Pick<Run, 'id' | 'measures'>,
  atHand: readonly string[],
): void {
  if (areSameMeasures(measures, atHand)) return;
  const difference = `its measures are ${measures.join(', ')}; at hand: ${atHand.join(', ')}`;
  throw new ChangedSimulationError(id, difference, false);
}

/** @throws InvalidInputError when the iteration lies outside the run */
export function refuseOutside(
  { id, repetitions }: Pick<Run, 'id' | 'repetitions'>,
  iterationId: number,
): void {
  if (iterationId >= repetitions) {
    throw new InvalidInputError(
      'iteration id',
      `below run ${id}'s ${repetitions} repetitions`,
      iterationId,
    );
  }
}

/**
 * @param tolerated how many of the run's iterations may fail
 * @throws IncompleteRunError when the run can't be averaged yet
 */
export function refuseIncomplete(id: RunId, ledger: Ledger, tolerated: number): void {
  if (ledger.missing > 0 || ledger.failed > tolerated || ledger.completed === 0) {
    throw new IncompleteRunError(id, ledger, tolerated);
  }
}
