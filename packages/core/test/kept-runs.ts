import type { Stores } from '../src/ports/stores.js';
import type { Fingerprint } from '../src/run/fingerprint.js';
import { ledgerOf } from '../src/run/ledger.js';
import { RunId } from '../src/run/numbers.js';
import { parseRunRequest, type RunRequest } from '../src/run/request.js';
import { RunNotFoundError } from '../src/run/run-errors.js';
import type { Run } from '../src/run/run.js';

/** A run to be kept. */
export interface KeptRun extends Partial<RunRequest> {
  /** An iteration's numbers, or its one number; undefined where it failed. */
  readonly values: readonly (readonly number[] | number | undefined)[];
  readonly measures?: readonly string[];
  readonly simulation?: readonly Fingerprint[];
  /** The place of an iteration's code, where it is not 0. */
  readonly codes?: Readonly<Record<number, number>>;
}

/** Stores of complete runs, for who reads several; it counts how often each is scanned. */
export class KeptRuns {
  readonly scans: number[] = [];
  /** Comes after each page. */
  afterPage: (id: number) => void = () => undefined;
  readonly #runs: Run[] = [];
  readonly #kept: (readonly number[] | undefined)[][] = [];
  readonly #codes: Readonly<Record<number, number>>[] = [];

  /** @param pageLength so many values come with a page */
  constructor(readonly pageLength = 5000) {}

  add({ values, measures = ['value'], simulation, codes = {}, ...request }: KeptRun): Run {
    const asked = { tolerance: values.length, seed: 1, ...request };
    const run: Run = {
      ...parseRunRequest({ ...asked, repetitions: values.length }, { measures }),
      ...(simulation !== undefined && { simulation }),
      id: RunId.parse(this.#runs.length + 1),
      status: 'completed',
      startedAt: new Date(0),
      finishedAt: new Date(0),
    };
    this.#runs.push(run);
    this.#kept.push(values.map((value) => (typeof value === 'number' ? [value] : value)));
    this.#codes.push(codes);
    this.scans.push(0);
    return run;
  }

  /** Gives an iteration that failed its value after all. */
  keep(id: number, iteration: number, value: number): void {
    this.#kept[id - 1]![iteration] = [value];
  }

  readonly runs = {
    get: (id: number) => Promise.resolve(this.#run(id)),
  } as unknown as Stores['runs'];

  readonly values = {
    scan: async function* (this: KeptRuns, id: number) {
      const kept = this.#kept[id - 1];
      if (kept === undefined) throw new RunNotFoundError(RunId.parse(id));
      this.scans[id - 1]! += 1;
      const { measures } = this.#run(id);
      for (let first = 0; first < kept.length; first += this.pageLength) {
        const end = Math.min(kept.length, first + this.pageLength);
        const ids: number[] = [];
        for (let i = first; i < end; i += 1) if (kept[i] !== undefined) ids.push(i);
        const columns = measures.map((_, place) =>
          Float64Array.from(ids, (iteration) => kept[iteration]![place]!),
        );
        const codes = Int16Array.from(ids, (iteration) => this.#codes[id - 1]![iteration] ?? 0);
        yield await Promise.resolve({
          iterationIds: Int32Array.from(ids),
          values: columns[0]!,
          ...(columns.length > 1 && { more: columns.slice(1) }),
          ...(codes.some((code) => code !== 0) && { codes }),
        });
        this.afterPage(id);
      }
    }.bind(this),
  } as unknown as Stores['values'];

  readonly failures = {
    ledger: (id: number) => {
      const { repetitions: requested } = this.#run(id);
      const completed = this.#kept[id - 1]!.filter((value) => value !== undefined).length;
      return Promise.resolve(ledgerOf({ requested, completed, failed: requested - completed }));
    },
  } as unknown as Stores['failures'];

  #run(id: number): Run {
    const run = this.#runs[id - 1];
    if (run === undefined) throw new RunNotFoundError(RunId.parse(id));
    return run;
  }
}
