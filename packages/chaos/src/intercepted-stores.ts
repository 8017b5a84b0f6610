import type { Stores } from '@stepcompute/core';

/**
 * The same stores with `around` about every call; a read passes through it once, before its first batch.
 * @param around makes the call, or doesn't; `isWrite` is true when the call writes what stays (a value,
 *   a failure, an average, the run's end), so that a second delivery of it changes nothing; `method` is
 *   the call's, such as `values.write`
 */
export function interceptedStores(
  { runs, tombstones, values, failures, averages }: Stores,
  around: <T>(call: () => Promise<T>, isWrite: boolean, method: string) => Promise<T>,
): Stores {
  const write = <T>(method: string, call: () => Promise<T>): Promise<T> =>
    around(call, true, method);
  const ask = <T>(method: string, call: () => Promise<T>): Promise<T> =>
    around(call, false, method);
  async function* stream<T>(method: string, read: () => AsyncIterable<T>): AsyncGenerator<T, void> {
    await ask(method, () => Promise.resolve());
    yield* read();
  }
  return {
    runs: {
      allocate: (run) => ask('runs.allocate', () => runs.allocate(run)),
      get: (id) => ask('runs.get', () => runs.get(id)),
      list: (filter) => ask('runs.list', () => runs.list(filter)),
      finish: (run, status) => write('runs.finish', () => runs.finish(run, status)),
      reopen: (id, change, only) => ask('runs.reopen', () => runs.reopen(id, change, only)),
    },
    tombstones: {
      mark: (id, options) => ask('tombstones.mark', () => tombstones.mark(id, options)),
      sweep: (id) => stream('tombstones.sweep', () => tombstones.sweep(id)),
      has: (id) => ask('tombstones.has', () => tombstones.has(id)),
    },
    values: {
      write: (id, batch) => write('values.write', () => values.write(id, batch)),
      read: (id, from) => stream('values.read', () => values.read(id, from)),
      scan: (id, from) => stream('values.scan', () => values.scan(id, from)),
      missing: (id, within) => ask('values.missing', () => values.missing(id, within)),
    },
    failures: {
      record: (id, batch) => write('failures.record', () => failures.record(id, batch)),
      read: (id) => stream('failures.read', () => failures.read(id)),
      clear: (id) => ask('failures.clear', () => failures.clear(id)),
      ledger: (id) => ask('failures.ledger', () => failures.ledger(id)),
    },
    averages: {
      save: (id, average) => write('averages.save', () => averages.save(id, average)),
      history: (id) => ask('averages.history', () => averages.history(id)),
    },
  };
}
