import { isError, messageOf } from '@stepcompute/core';
import type { Average, IterationContext, IterationValue, RunId, Stores } from '@stepcompute/core';
import { averageOfRun, Averaging } from '@stepcompute/core/adapters';

/**
 * The oracle's simulation: iteration i yields 2i + 1, known in advance. Of N repetitions the values add
 * up to N², and their squares to N(4N² − 1) / 3, so one that is lost, doubled or replaced shows.
 */
export function oracleValue({ iterationId }: Pick<IterationContext, 'iterationId'>): number {
  return 2 * iterationId + 1;
}

/** The oracle's checks; a finding carries the name of its check. */
export type Check =
  /** No two runs have the same id. */
  | 'run ids'
  /** Each of the keys 0 … N−1 is stored, and the store reports none as missing. */
  | 'lost value'
  /** Each is stored once, and no other key. */
  | 'doubled value'
  /** Σ values and Σ values² equal their closed forms. */
  | 'sums'
  /** requested = completed + failed + missing, and as many are completed as are stored. */
  | 'ledger'
  /** A second, different value of an iteration is refused, and the first one stays. */
  | 'second value'
  /** An incomplete run has no average. */
  | 'early average'
  /** The stored average equals that of a fresh scan, to the bit. */
  | 'average'
  /** The run ends, with no error beside the injected ones. */
  | 'end';

/** A check that failed. */
export interface Finding {
  readonly check: Check;
  readonly detail: string;
}

/** Examines a run of {@link oracleValue} that has ended and on which no process works any more. */
export async function examine(
  stores: Stores,
  id: RunId,
  repetitions: number,
): Promise<readonly Finding[]> {
  const values: IterationValue[] = [];
  for await (const batch of stores.values.read(id)) values.push(...batch);
  return [
    ...examineKeys(values, repetitions),
    ...(await examineMissing(stores, id)),
    ...examineSums(values, repetitions),
    ...(await examineLedger(stores, id, values.length)),
    ...(await examineSecondValue(stores, id)),
    ...(await examineAverage(stores, id, values)),
  ];
}

function examineKeys(values: readonly IterationValue[], repetitions: number): Finding[] {
  const findings: Finding[] = [];
  const keys = new Set<number>(values.map(({ iterationId }) => iterationId));
  const own = [...keys].filter((key) => key >= 0 && key < repetitions).length;
  if (own < repetitions) {
    findings.push({ check: 'lost value', detail: `${own} of ${repetitions} are stored` });
  }
  if (values.length > own) {
    const detail = `${values.length} values are stored of ${own} iterations`;
    findings.push({ check: 'doubled value', detail });
  }
  return findings;
}

async function examineMissing({ values }: Stores, id: RunId): Promise<Finding[]> {
  const missing = await values.missing(id);
  if (missing.length === 0) return [];
  return [{ check: 'lost value', detail: `said to be missing: ${JSON.stringify(missing)}` }];
}

function examineSums(values: readonly IterationValue[], repetitions: number): Finding[] {
  const n = BigInt(repetitions);
  const expected = { sum: n * n, squares: (n * (4n * n * n - 1n)) / 3n };
  let sum = 0n;
  let squares = 0n;
  for (const { value } of values) {
    if (!Number.isSafeInteger(value)) return [{ check: 'sums', detail: `a value is ${value}` }];
    sum += BigInt(value);
    squares += BigInt(value) * BigInt(value);
  }
  if (sum === expected.sum && squares === expected.squares) return [];
  const detail =
    `the values add up to ${sum} and their squares to ${squares}, ` +
    `not to ${expected.sum} and ${expected.squares}`;
  return [{ check: 'sums', detail }];
}

/**
 * Examines a run's ledger; the run need not have ended.
 * @param stored how many values a scan found; left out, the ledger is compared with itself alone
 */
export async function examineLedger(
  { failures }: Pick<Stores, 'failures'>,
  id: RunId,
  stored?: number,
): Promise<Finding[]> {
  const { requested, completed, failed, missing } = await failures.ledger(id);
  const counts = [requested, completed, failed, missing];
  const adds = requested === completed + failed + missing && counts.every((count) => count >= 0);
  if (adds && (stored === undefined || completed === stored)) return [];
  const detail =
    `${requested} requested, ${completed} completed, ${failed} failed, ${missing} missing` +
    (stored === undefined ? '' : `; ${stored} are stored`);
  return [{ check: 'ledger', detail }];
}

async function examineSecondValue({ values }: Stores, id: RunId): Promise<Finding[]> {
  for await (const [first] of values.read(id)) {
    if (first === undefined) break;
    const other = { ...first, value: first.value + 0.5 };
    const error = await errorOf(values.write(id, [other]));
    if (!isError(error) || error.name !== 'ConflictingValueError') {
      const detail = `${other.value} was offered instead of ${first.value}: ${textOf(error)}`;
      return [{ check: 'second value', detail }];
    }
    for await (const [after] of values.read(id)) {
      if (after?.value === first.value) return [];
      return [{ check: 'second value', detail: `${first.value} became ${after?.value}` }];
    }
  }
  return [];
}

async function examineAverage(
  stores: Stores,
  id: RunId,
  values: readonly IterationValue[],
): Promise<Finding[]> {
  const history = await stores.averages.history(id);
  const stored = history.at(-1);
  if (stored === undefined || values.length === 0) {
    return [{ check: 'average', detail: 'there is none' }];
  }
  const averaging = new Averaging();
  for (const { iterationId, value } of values) averaging.add(iterationId, value);
  const scanned = averaging.average();
  const figures = ['count', 'mean', 'standardDeviation', 'minimum', 'maximum'] as const;
  const differing = (average: Average): string[] =>
    figures.filter((figure) => !Object.is(average[figure], scanned[figure]));
  const findings: Finding[] = [];
  const [wrong] = differing(stored);
  if (wrong !== undefined) {
    const detail = `the stored ${wrong} is ${stored[wrong as 'mean']}, of the values it is ${scanned[wrong as 'mean']}`;
    findings.push({ check: 'average', detail });
  }
  if (differing(await averageOfRun(stores, await stores.runs.get(id))).length > 0) {
    findings.push({ check: 'average', detail: 'another one comes out now' });
  }
  return findings;
}

/** The reason for which the promise rejects; undefined when it fulfils. */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return error ?? new Error('rejected with nothing');
  }
}

/** The error as a finding tells it; undefined stands for a call that succeeded. */
export function textOf(error: unknown): string {
  if (error === undefined) return 'accepted';
  return isError(error) ? `${error.name}: ${error.message}` : messageOf(error);
}
