import type {
  IterationContext,
  IterationValue,
  Ledger,
  Run,
  RunId,
  Stores,
} from '@stepcompute/core';
import type { ValueColumns } from '@stepcompute/core/adapters';
import type { ChaosSubject } from './chaos-subject.js';
import { interceptedStores } from './intercepted-stores.js';
import { oracleVersions, type Check, type OracleParameters } from './oracle.js';

/** A bug of an adapter, for the kit to find. */
export interface PlantedBug {
  readonly name: string;
  /** The check that finds it. */
  readonly foundBy: Check;
  /**
   * Gives a correct subject the bug. The answers of its stores agree with each other, so that none gives
   * it away.
   */
  readonly plant: (subject: ChaosSubject) => ChaosSubject;
}

/** The bugs that test the kit: a kit that missed one of them would prove nothing by finding nothing. */
export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'drops a value',
    foundBy: 'lost value',
    plant: inStores((stores) => {
      const isDropped = (iterationId: number): boolean => iterationId % 17 === 5;
      return showing(stores, (values) =>
        values.filter(({ iterationId }) => !isDropped(iterationId)),
      );
    }),
  },
  {
    name: 'counts a value twice',
    foundBy: 'doubled value',
    plant: inStores((stores) =>
      showing(stores, (values) =>
        values.flatMap((value) => (value.iterationId % 17 === 5 ? [value, value] : [value])),
      ),
    ),
  },
  {
    name: 'averages early',
    foundBy: 'early average',
    plant: inStores((stores) => ({
      ...stores,
      failures: {
        ...plain(stores).failures,
        ledger: async (id) => complete(await stores.failures.ledger(id)),
      },
    })),
  },
  {
    name: 'allocates the same id twice',
    foundBy: 'run ids',
    plant: inStores((stores) => {
      let before: Run | undefined;
      return {
        ...stores,
        runs: {
          ...plain(stores).runs,
          allocate: async (asked) => {
            const [newest] = await stores.runs.list({ limit: 1 });
            const run = await stores.runs.allocate(asked);
            const isNew = newest === undefined || run.id > newest.id;
            const answer = isNew && before !== undefined ? { ...run, id: before.id } : run;
            before = run;
            return answer;
          },
        },
      };
    }),
  },
  {
    name: 'forgets the last range',
    foundBy: 'lost value',
    plant: inStores((stores) => {
      const missing: Stores['values']['missing'] = async (id, within) => {
        const ranges = await stores.values.missing(id, within);
        // A run with no value yet keeps its range: a bug that leaves every run empty is too easy to find.
        return ranges.at(-1)?.first === 0 ? ranges : ranges.slice(0, -1);
      };
      return {
        ...stores,
        values: {
          ...plain(stores).values,
          missing,
        },
        failures: {
          ...plain(stores).failures,
          ledger: async (id) => complete(await stores.failures.ledger(id)),
        },
      };
    }),
  },
  {
    name: 'lets a second value replace the first',
    foundBy: 'second value',
    plant: inStores((stores) => {
      const replaced = new Map<string, IterationValue>();
      return {
        ...stores,
        values: {
          ...plain(stores).values,
          write: async (id, batch) => {
            try {
              await stores.values.write(id, batch);
            } catch {
              for (const value of batch) replaced.set(`${id}/${value.iterationId}`, value);
            }
          },
          ...reading((id, from) =>
            mapped(stores.values.read(id, from), (batch) =>
              batch.map((each) => ({
                ...each,
                ...replaced.get(`${id}/${each.iterationId}`),
              })),
            ),
          ),
        },
      };
    }),
  },
  {
    name: 'miscounts the ledger',
    foundBy: 'ledger',
    plant: inStores((stores) => ({
      ...stores,
      failures: {
        ...plain(stores).failures,
        ledger: async (id) => {
          const ledger = await stores.failures.ledger(id);
          return { ...ledger, completed: ledger.completed + 1 };
        },
      },
    })),
  },
  {
    name: 'stores an average that is none of these values',
    foundBy: 'average',
    plant: inStores((stores) => ({
      ...stores,
      averages: {
        ...plain(stores).averages,
        save: (id, average) =>
          stores.averages.save(id, { ...average, mean: average.mean * (1 + 2 ** -50) }),
      },
    })),
  },
  {
    name: 'stores an average of one measure that is none of its values',
    foundBy: 'average',
    plant: inStores((stores) => ({
      ...stores,
      averages: {
        ...plain(stores).averages,
        save: (id, { more = {}, ...first }) =>
          stores.averages.save(id, {
            ...first,
            more: Object.fromEntries(
              Object.entries(more).map(([name, average]) => [
                name,
                { ...average, maximum: first.maximum },
              ]),
            ),
          }),
      },
    })),
  },
  {
    name: 'mixes the measures of neighbours',
    foundBy: 'measures',
    plant: inStores((stores) => ({
      ...stores,
      values: {
        ...plain(stores).values,
        write: (id, batch) =>
          stores.values.write(
            id,
            batch.map((value, index) => ({ ...value, more: batch.at(index - 1)?.more })),
          ),
      },
    })),
  },
  {
    name: 'pages a scan by how many values came before',
    foundBy: 'average',
    // A value that comes behind the scan moves the others on: one is seen twice, and as many as there are.
    plant: inStores((stores) => ({
      ...stores,
      values: {
        ...plain(stores).values,
        async *scan(id) {
          const pageLength = 16;
          for (let before = 0; ; before += pageLength) {
            const all: IterationValue[] = [];
            for await (const batch of stores.values.read(id)) all.push(...batch);
            const page = all.slice(before, before + pageLength);
            if (page.length === 0) return;
            yield columnsOf(page);
          }
        },
      },
    })),
  },
  {
    name: 'averages what it has scanned, whatever came meanwhile',
    foundBy: 'average',
    plant: (subject) => ({
      ...subject,
      orchestrator: (parts) =>
        subject.orchestrator({ ...parts, stores: lookedAtOnce(parts.stores) }),
    }),
  },
  {
    name: 'forgets the code of a value',
    foundBy: 'sums',
    plant: inStores((stores) => ({
      ...stores,
      values: {
        ...plain(stores).values,
        write: (id, batch) =>
          stores.values.write(
            id,
            batch.map(({ code, ...value }) => value),
          ),
      },
    })),
  },
  {
    name: 'records no parameters',
    foundBy: 'record',
    plant: inStores((stores) => ({
      ...stores,
      runs: {
        ...plain(stores).runs,
        allocate: (asked) => stores.runs.allocate({ ...asked, parameters: {} }),
      },
    })),
  },
  {
    name: 'takes a value for a run that was deleted',
    foundBy: 'deleted run',
    plant: inStores((stores) => ({
      ...stores,
      values: {
        ...plain(stores).values,
        write: async (id, batch) => {
          if (!(await stores.tombstones.has(id))) await stores.values.write(id, batch);
        },
      },
    })),
  },
  {
    name: 'gives the key of a deleted run to another',
    foundBy: 'deleted run',
    plant: inStores((stores) => ({
      ...stores,
      runs: {
        ...plain(stores).runs,
        allocate: async (asked) => {
          try {
            return await stores.runs.allocate(asked);
          } catch {
            return stores.runs.allocate({ ...asked, idempotencyKey: undefined });
          }
        },
      },
    })),
  },
  {
    name: 'does not go on with a deletion that was interrupted',
    foundBy: 'deleted run',
    plant: inStores((stores) => {
      const begun = new Set<RunId>();
      return {
        ...stores,
        tombstones: {
          ...plain(stores).tombstones,
          async *sweep(id) {
            if (begun.has(id)) return;
            begun.add(id);
            yield* stores.tombstones.sweep(id);
          },
        },
      };
    }),
  },
  {
    name: 'averages across simulations',
    foundBy: 'changed simulation',
    // Each process claims the version that the run was asked with.
    plant: (subject) => ({
      ...subject,
      orchestrator: (parts) =>
        subject.orchestrator({ ...parts, simulationVersion: oracleVersions.asked }),
    }),
  },
  {
    name: 'joins by run id alone',
    foundBy: 'sums',
    // All orchestrators share an engine, which takes runs with the same id for the first one of them.
    plant: (subject) => {
      const first = new Map<RunId, IterationContext<OracleParameters>>();
      return {
        ...subject,
        orchestrator: (parts) =>
          subject.orchestrator({
            ...parts,
            generator: {
              ...parts.generator,
              generate: (context) => {
                const { seed, parameters } = first.get(context.runId) ?? context;
                first.set(context.runId, { ...context, seed, parameters });
                return parts.generator.generate({ ...context, seed, parameters });
              },
            },
          }),
      };
    },
  },
];

/** A bug of the stores, in each place. */
function inStores(plant: (stores: Stores) => Stores): PlantedBug['plant'] {
  return (subject) => {
    const planted = new WeakMap<Stores, Stores>();
    const opened = (open: ChaosSubject['open']) => async (): Promise<Stores> => {
      const stores = await open();
      const known = planted.get(stores) ?? plant(stores);
      planted.set(stores, known);
      return known;
    };
    const { open, elsewhere } = subject;
    return { ...subject, open: opened(open), elsewhere: elsewhere && opened(elsewhere) };
  };
}

/** The same stores as plain objects, whose methods can be replaced. */
function plain(stores: Stores): Stores {
  return interceptedStores(stores, (call) => call());
}

/** Stores that count, of a run that was scanned, what was scanned. */
function lookedAtOnce(stores: Stores): Stores {
  const scanned = new Map<RunId, number>();
  return {
    ...stores,
    values: {
      ...plain(stores).values,
      async *scan(id, from) {
        let count = 0;
        for await (const columns of stores.values.scan(id, from)) {
          count += columns.values.length;
          yield columns;
        }
        scanned.set(id, count);
      },
    },
    failures: {
      ...plain(stores).failures,
      ledger: async (id) => {
        const ledger = await stores.failures.ledger(id);
        const completed = scanned.get(id) ?? ledger.completed;
        return { ...ledger, completed, failed: ledger.requested - completed - ledger.missing };
      },
    },
  };
}

/** Stores that read, scan and count `seen` of the values instead of the values. */
function showing(
  stores: Stores,
  seen: (values: readonly IterationValue[]) => readonly IterationValue[],
): Stores {
  const values = reading((id, from) => mapped(stores.values.read(id, from), seen));
  return {
    ...stores,
    values: { ...plain(stores).values, ...values },
    failures: {
      ...plain(stores).failures,
      ledger: async (id) => {
        const ledger = await stores.failures.ledger(id);
        // An incomplete run is refused, as by correct stores.
        if (ledger.missing > 0) return ledger;
        let completed = 0;
        for await (const batch of values.read(id)) completed += batch.length;
        return { ...ledger, completed };
      },
    },
  };
}

/** Both ways to read what `read` reads. */
function reading(read: Stores['values']['read']): Pick<Stores['values'], 'read' | 'scan'> {
  return {
    read,
    async *scan(id, from) {
      for await (const batch of read(id, from)) yield columnsOf(batch);
    },
  };
}

function columnsOf(batch: readonly IterationValue[]): ValueColumns {
  const further = batch[0]?.more ?? [];
  return {
    iterationIds: Int32Array.from(batch, ({ iterationId }) => iterationId),
    values: Float64Array.from(batch, ({ value }) => value),
    ...(further.length > 0 && {
      more: further.map((_, place) => Float64Array.from(batch, ({ more }) => more?.[place] ?? NaN)),
    }),
  };
}

async function* mapped<T>(batches: AsyncIterable<T>, to: (batch: T) => T): AsyncGenerator<T, void> {
  for await (const batch of batches) yield to(batch);
}

/** The ledger of a store that says of what is missing that it has it not to be counted. */
function complete(ledger: Ledger): Ledger {
  const { completed, failed } = ledger;
  return { ...ledger, requested: completed + failed, missing: 0 };
}
