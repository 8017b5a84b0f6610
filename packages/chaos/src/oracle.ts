import {
  averagesByName,
  defineSimulation,
  Fingerprint,
  isError,
  messageOf,
} from '@stepcompute/core';
import type {
  IterationContext,
  IterationValue,
  Run,
  RunAverage,
  RunId,
  RunRequest,
  Stores,
} from '@stepcompute/core';
import {
  averageOfRun,
  Averaging,
  parseRunRequest,
  requestFields,
  type NewRun,
} from '@stepcompute/core/adapters';

/** The parameters of the oracle's simulation, all whole numbers. */
export interface OracleParameters {
  /** Default: 1. */
  readonly scale?: number | undefined;
  /** Default: 0. */
  readonly offset?: number | undefined;
}

/** The parts of a context on which {@link oracleValue} depends. */
type OracleContext = Pick<
  IterationContext<OracleParameters>,
  'iterationId' | 'seed' | 'parameters'
>;

/** The measures of the oracle's simulation. */
export interface OracleValue {
  readonly value: number;
  /** 3 · value + i, so that numbers of two iterations, or of two writes, are no twins. */
  readonly twin: number;
}

/**
 * A value of the oracle's simulation, known in advance: iteration i yields scale · (2i + 1) + c, where c is
 * the offset and the seed modulo 1,000. Of N repetitions the numbers 2i + 1 add up to N², and their squares
 * to N(4N² − 1) / 3, so a value that is lost, doubled, replaced, or of another run shows.
 * @param change what the value has more
 */
export function oracleValue(
  { iterationId, seed, parameters: { scale = 1, offset = 0 } }: OracleContext,
  change = 0,
): OracleValue {
  const value = scale * (2 * iterationId + 1) + offset + (seed % 1000) + change;
  return { value, twin: twinOf(iterationId, value) };
}

function twinOf(iterationId: number, value: number): number {
  return 3 * value + iterationId;
}

/** The oracle's simulation. */
export const oracle = defineSimulation<OracleParameters, keyof OracleValue>({
  measures: ['value', 'twin'],
  generate: (context) => oracleValue(context),
});

/** A request for a run of the oracle's simulation, as it is recorded. */
export function oracleRun(request: RunRequest): NewRun {
  const { measures } = oracle;
  return parseRunRequest(request, { fingerprint: { version: oracleVersions.asked }, measures });
}

/** The version of {@link oracle}, and that of the same simulation with a change. */
export const oracleVersions = { asked: 'oracle/1', changed: 'oracle/2' } as const;

/** So much more does an iteration of the changed simulation yield. */
export const changedBy = 1_000_000;

/** The oracle's checks; a finding carries the name of its check. */
export type Check =
  /** No two runs have the same id. */
  | 'run ids'
  /** Each of the keys 0 … N−1 is stored, and the store reports none as missing. */
  | 'lost value'
  /** Each is stored once, and no other key. */
  | 'doubled value'
  /** Σ values and Σ values² equal their closed forms, where what accepted code has changed is taken off. */
  | 'sums'
  /** The numbers of an iteration are of one write. */
  | 'measures'
  /** The run's record is what was asked, and names the code that may generate its values. */
  | 'record'
  /** A changed simulation writes nothing unless the change is accepted. */
  | 'changed simulation'
  /**
   * requested = completed + failed + missing, and as many are completed, and changed, as are stored.
   */
  | 'ledger'
  /** A second, different value of an iteration is refused, and the first one stays. */
  | 'second value'
  /** An incomplete run has no average. */
  | 'early average'
  /** The stored average equals that of a fresh scan, to the bit. */
  | 'average'
  /**
   * All that a deleted run had is deleted, however often that was interrupted; what is written to it late is
   * refused, or deleted when that is repeated; nobody finds it, and its key is never given again.
   */
  | 'deleted run'
  /** The run ends, with no error beside the injected ones. */
  | 'end';

/** A check that failed. */
export interface Finding {
  readonly check: Check;
  readonly detail: string;
}

/** A run of the oracle's simulation, as it must be on record. */
export interface AskedRun {
  /** The request as first asked, with its seed. */
  readonly request: RunRequest & { readonly seed: number };
  /** How many it has now. */
  readonly repetitions: number;
  /** True where the rest of the request, and the simulation, are deployed. Default: false. */
  readonly isDeployed?: boolean | undefined;
}

/** Examines a run of {@link oracleValue} that has ended and on which no process works any more. */
export async function examine(
  stores: Stores,
  id: RunId,
  asked: AskedRun,
): Promise<readonly Finding[]> {
  const run = await stores.runs.get(id);
  const values: IterationValue[] = [];
  for await (const batch of stores.values.read(id)) values.push(...batch);
  return [
    ...examineRecord(run, asked),
    ...examineKeys(values, asked.repetitions),
    ...(await examineMissing(stores, id)),
    ...examineSums(values, run, asked),
    ...examineMeasures(values),
    ...(await examineLedger(stores, id, values)),
    ...(await examineSecondValue(stores, id)),
    ...(await examineAverage(stores, id, values)),
  ];
}

function examineRecord(run: Run, asked: AskedRun): Finding[] {
  const { request, repetitions, isDeployed = false } = asked;
  const expected = oracleRun(request);
  // The request's key is an execution's name there.
  const fields = isDeployed
    ? Object.keys(request).filter((field) => field !== 'idempotencyKey')
    : Object.keys(requestFields);
  const differing = (name: string, kept: object, wanted: object): Finding[] =>
    [...fields].flatMap((field) => {
      const [is, was] = [kept, wanted].map((each) =>
        JSON.stringify((each as Record<string, unknown>)[field]),
      );
      return is === was ? [] : [recordFinding(`${name} ${field} is ${is}, asked was ${was}`)];
    });
  const findings = [
    ...differing('its', run, { ...expected, repetitions }),
    ...differing('as first asked, its', run.request, expected.request),
  ];
  const measures = run.measures.join();
  if (measures !== expected.measures.join()) {
    findings.push(recordFinding(`its measures are ${measures}`));
  }
  const [first = Fingerprint.unknown, ...accepted] = run.simulation;
  // One with any digest is the same as itself.
  const [own = first] = isDeployed ? [] : expected.simulation;
  const isRight =
    Fingerprint.areSame(first, own) === true &&
    accepted.every(({ version }) => version === oracleVersions.changed);
  if (!isRight) {
    const list = run.simulation.map(Fingerprint.describe).join('; ');
    findings.push(recordFinding(`its code is that of ${list}`));
  }
  return findings;
}

function recordFinding(detail: string): Finding {
  return { check: 'record', detail };
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

function examineSums(
  values: readonly IterationValue[],
  { simulation }: Run,
  { request, repetitions }: AskedRun,
): Finding[] {
  const { scale = 1, offset = 0 } = (request.parameters ?? {}) as OracleParameters;
  const n = BigInt(repetitions);
  const a = BigInt(scale);
  const c = BigInt(offset + (request.seed % 1000));
  const expected = {
    sum: a * n * n + n * c,
    squares: (a * a * n * (4n * n * n - 1n)) / 3n + 2n * a * c * n * n + n * c * c,
  };
  let sum = 0n;
  let squares = 0n;
  for (const { value, code = 0 } of values) {
    const change = simulation[code]?.version === oracleVersions.changed ? changedBy : 0;
    if (!Number.isSafeInteger(value)) return [{ check: 'sums', detail: `a value is ${value}` }];
    const unchanged = BigInt(value - change);
    sum += unchanged;
    squares += unchanged * unchanged;
  }
  if (sum === expected.sum && squares === expected.squares) return [];
  const detail =
    `the values, without what their code has changed, add up to ${sum} and their squares to ` +
    `${squares}, not to ${expected.sum} and ${expected.squares}`;
  return [{ check: 'sums', detail }];
}

function examineMeasures(values: readonly IterationValue[]): Finding[] {
  const wrong = values.find(
    ({ iterationId, value, more }) => String(more) !== String([twinOf(iterationId, value)]),
  );
  if (wrong === undefined) return [];
  const { iterationId, value, more = [] } = wrong;
  return [
    { check: 'measures', detail: `iteration ${iterationId} has ${value} with ${more.join()}` },
  ];
}

/**
 * Examines a run's ledger; the run need not have ended.
 * @param stored the values that a scan found; left out, the ledger is compared with itself alone
 */
export async function examineLedger(
  { failures }: Pick<Stores, 'failures'>,
  id: RunId,
  stored?: readonly IterationValue[],
): Promise<Finding[]> {
  const { requested, completed, failed, missing, changed = 0 } = await failures.ledger(id);
  const counts = [requested, completed, failed, missing];
  const adds =
    requested === completed + failed + missing &&
    counts.every((count) => count >= 0) &&
    changed <= completed;
  const ofChanged = stored?.filter(({ code = 0 }) => code > 0).length;
  const agrees = stored === undefined || (completed === stored.length && changed === ofChanged);
  if (adds && agrees) return [];
  const detail =
    `${requested} requested, ${completed} completed, ${failed} failed, ${missing} missing, ` +
    `${changed} changed` +
    (stored === undefined ? '' : `; ${stored.length} are stored, ${ofChanged} of changed code`);
  return [{ check: 'ledger', detail }];
}

async function examineSecondValue({ values }: Stores, id: RunId): Promise<Finding[]> {
  for await (const [first] of values.read(id)) {
    if (first === undefined) break;
    const others = [
      { ...first, value: first.value + 0.5 },
      { ...first, more: first.more?.map((number) => number + 0.5) },
    ];
    for (const other of others) {
      const error = await errorOf(values.write(id, [other]));
      if (!isError(error) || error.name !== 'ConflictingValueError') {
        const detail = `${numbersOf(other)} was offered instead of ${numbersOf(first)}: ${textOf(error)}`;
        return [{ check: 'second value', detail }];
      }
    }
    for await (const [after] of values.read(id)) {
      if (after !== undefined && numbersOf(after) === numbersOf(first)) return [];
      const now = after === undefined ? 'nothing' : numbersOf(after);
      return [{ check: 'second value', detail: `${numbersOf(first)} became ${now}` }];
    }
  }
  return [];
}

function numbersOf({ value, more = [] }: IterationValue): string {
  return [value, ...more].join(' and ');
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
  const run = await stores.runs.get(id);
  const scanned = new Map(
    run.measures.map((measure, place) => {
      const averaging = new Averaging();
      for (const { iterationId, value, more = [] } of values) {
        averaging.add(iterationId, [value, ...more][place] ?? NaN);
      }
      return [measure, averaging.average()];
    }),
  );
  const figures = ['count', 'mean', 'standardDeviation', 'minimum', 'maximum'] as const;
  const differences = (average: RunAverage): string[] => {
    const averages = averagesByName(run.measures, average);
    return [...scanned].flatMap(([measure, own]) =>
      figures.flatMap((figure) => {
        const one = averages[measure]?.[figure];
        return Object.is(one, own[figure])
          ? []
          : [`${figure} of ${measure} is ${one}, of the values it is ${own[figure]}`];
      }),
    );
  };
  const findings: Finding[] = [];
  const [wrong] = differences(stored);
  if (wrong !== undefined) findings.push({ check: 'average', detail: `the stored ${wrong}` });
  try {
    if (differences(await averageOfRun(stores, run)).length > 0) {
      findings.push({ check: 'average', detail: 'another one comes out now' });
    }
  } catch (error) {
    findings.push({ check: 'average', detail: `none comes out now: ${textOf(error)}` });
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
