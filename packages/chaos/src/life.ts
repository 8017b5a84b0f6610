import {
  IterationId,
  PersistenceError,
  type Clock,
  type RunId,
  type Stores,
  type Swept,
} from '@stepcompute/core';
import type { ValueColumns } from '@stepcompute/core/adapters';
import type { ChaosSchedule } from './chaos-schedule.js';
import type { ChaosHooks } from './chaos-subject.js';
import { interceptedStores } from './intercepted-stores.js';
import { oracleValue, type Check } from './oracle.js';

/** The message of every injected error begins with this. */
export const injectedMark = 'injected:';

/** A call that is delivered again long after it was made. */
export interface LateCall {
  /** Such as `values.write`. */
  readonly method: string;
  readonly call: () => Promise<unknown>;
}

/** A process's time with a run, from its start to its end or its kill. */
export class Life {
  /** Resolves when the process is killed. */
  readonly killed: Promise<void>;
  /** The calls that are to be delivered again long after the end. */
  readonly late: LateCall[] = [];
  #markKilled!: () => void;
  #isKilled = false;

  constructor(
    private readonly schedule: ChaosSchedule,
    private readonly hooks: ChaosHooks,
    /** Told of each check that fails while a process works. */
    private readonly note: (check: Check, detail: string) => void,
  ) {
    this.killed = new Promise((resolve) => {
      this.#markKilled = resolve;
    });
  }

  /** The stores as a process of this life sees them: every call may meet a fault, and a scan is not of one moment. */
  stores(stores: Stores): Stores {
    const { runs, tombstones, values, failures, averages } = interceptedStores(
      stores,
      (call, isWrite, method) => this.#around(call, isWrite, method),
    );
    /** So many values of each run had come when one came behind the process's own scan. */
    const known = new Map<RunId, number>();
    return {
      runs,
      tombstones: { ...tombstones, sweep: (id) => this.#sweep(tombstones.sweep(id)) },
      values: {
        write: (id, batch) => values.write(id, batch),
        read: (id, from) => values.read(id, from),
        scan: (id, from) => this.#scan(stores, id, values.scan(id, from), known),
        missing: (id, within) => values.missing(id, within),
      },
      failures,
      averages: {
        save: (id, average) => {
          const before = known.get(id) ?? 0;
          if (average.count < before) {
            const detail = `over ${average.count} values, of which ${before} were there before its last look`;
            this.note('average', detail);
          }
          return averages.save(id, average);
        },
        history: (id) => averages.history(id),
      },
    };
  }

  /** Scans in pieces, between which another process may store what was missing. */
  async *#scan(
    { runs, values, failures }: Stores,
    id: RunId,
    scan: AsyncIterable<ValueColumns>,
    known: Map<RunId, number>,
  ): AsyncGenerator<ValueColumns, void> {
    let next = 0;
    for await (const columns of scan) {
      for (const piece of piecesOf(columns)) {
        const hole = piece.iterationIds.findIndex((iteration, index) => iteration > next + index);
        const behind = hole < 0 ? undefined : IterationId.parse(next + hole);
        next = (piece.iterationIds.at(-1) ?? 0) + 1;
        yield piece;
        if (behind === undefined || !this.schedule.comesBehind()) continue;
        this.schedule.note('value behind a scan');
        const { value, twin } = oracleValue({ ...(await runs.get(id)), iterationId: behind });
        await values.write(id, [{ iterationId: behind, value, more: [twin] }]);
        known.set(id, (await failures.ledger(id)).completed);
      }
    }
  }

  /** Sweeps with a fault between pages, perhaps. */
  async *#sweep(pages: AsyncIterable<Swept>): AsyncGenerator<Swept, void> {
    for await (const page of pages) {
      yield page;
      await this.#around(() => Promise.resolve(), false, 'tombstones.sweep');
    }
  }

  /** The clock as this life sees it: it may jump. */
  clock(clock: Clock): Clock {
    let offset = 0;
    return {
      now: () => {
        const jump = this.schedule.clockJump();
        if (jump !== undefined) {
          this.schedule.note('clock jump');
          offset += jump;
        }
        return clock.now() + offset;
      },
      sleep: (...of) => clock.sleep(...of),
    };
  }

  /** @param isWrite true for a statement that can outlive its sender, and so come late */
  async #around<T>(call: () => Promise<T>, isWrite: boolean, method: string): Promise<T> {
    if (this.#isKilled) return never();
    const { restart } = this.hooks;
    const fault = this.schedule.storeFault(
      (one) =>
        (one !== 'late delivery' || isWrite) &&
        (one !== 'database restart' || restart !== undefined),
    );
    if (fault !== undefined) this.schedule.note(fault);
    if (fault === 'kill before') return this.#kill();
    if (fault === 'throttling') throw injected('too many calls');
    // Not awaited yet, so that the call meets a database that goes away.
    const restarted = fault === 'database restart' ? restart?.() : undefined;
    const answer = await call();
    await restarted;
    if (fault === 'duplicate delivery') await call();
    if (fault === 'late delivery') this.late.push({ method, call });
    if (fault === 'kill after') return this.#kill();
    if (fault === 'lost acknowledgement') throw injected('the answer was lost');
    // Another call may have met its kill meanwhile.
    return this.#hasEnded() ? never() : answer;
  }

  #hasEnded(): boolean {
    return this.#isKilled;
  }

  #kill(): Promise<never> {
    this.hooks.kill?.();
    this.#isKilled = true;
    this.#markKilled();
    return never();
  }
}

const pieceLength = 16;

function* piecesOf(columns: ValueColumns): Generator<ValueColumns, void> {
  const { iterationIds, values, more, codes } = columns;
  for (let first = 0; first < iterationIds.length; first += pieceLength) {
    const end = first + pieceLength;
    yield {
      iterationIds: iterationIds.slice(first, end),
      values: values.slice(first, end),
      ...(more && { more: more.map((column) => column.slice(first, end)) }),
      ...(codes && { codes: codes.slice(first, end) }),
    };
  }
}

/** The answer that a killed process gets. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}

function injected(message: string): PersistenceError {
  return new PersistenceError(`${injectedMark} ${message}`, { retryable: true });
}
