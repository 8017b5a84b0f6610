import type { Stores } from '@stepcompute/core';

/**
 * The same stores with `around` about every call; a read passes through it once, before its first batch.
 * @param around makes the call, or doesn't; `isWrite` is true when the call writes what stays (a value,
 *   a failure, an average, the run's end), so that a second delivery of it changes nothing
 */
export function interceptedStores(
  { runs, values, failures, averages }: Stores,
  around: <T>(call: () => Promise<T>, isWrite: boolean) => Promise<T>,
): Stores {
  const write = <T>(call: () => Promise<T>): Promise<T> => around(call, true);
  const ask = <T>(call: () => Promise<T>): Promise<T> => around(call, false);
  async function* stream<T>(read: () => AsyncIterable<T>): AsyncGenerator<T, void> {
    await ask(() => Promise.resolve());
    yield* read();
  }
  return {
    runs: {
      allocate: (run) => ask(() => runs.allocate(run)),
      get: (id) => ask(() => runs.get(id)),
      list: (limit) => ask(() => runs.list(limit)),
      finish: (run, status) => write(() => runs.finish(run, status)),
      reopen: (id, change) => ask(() => runs.reopen(id, change)),
    },
    values: {
      write: (id, batch) => write(() => values.write(id, batch)),
      read: (id, from) => stream(() => values.read(id, from)),
      missing: (id, within) => ask(() => values.missing(id, within)),
      scan: (id, from) => stream(() => values.scan(id, from)),
    },
    failures: {
      record: (id, batch) => write(() => failures.record(id, batch)),
      read: (id) => stream(() => failures.read(id)),
      clear: (id, within) => ask(() => failures.clear(id, within)),
      ledger: (id) => ask(() => failures.ledger(id)),
    },
    averages: {
      save: (id, average) => write(() => averages.save(id, average)),
      history: (id) => ask(() => averages.history(id)),
    },
  };
}
