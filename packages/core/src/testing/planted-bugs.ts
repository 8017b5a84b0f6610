import { averageOf, type Average } from '../averaging/average.js';
import type { Stores } from '../ports/stores.js';
import type { IterationId, RunId } from '../run/numbers.js';
import type { Run } from '../run/run.js';
import type { IterationValue } from '../simulation/value.js';
import { interceptedStores } from './intercepted-stores.js';
import type { Check } from './oracle.js';

/** A fault in an adapter that the kit must find. */
export interface PlantedBug {
  readonly name: string;
  /** The check that finds it. */
  readonly foundBy: Check;
  /** Right stores with the bug planted in them, which believe in it themselves. */
  readonly plant: (stores: Stores) => Stores;
}

/** The bugs with which the kit is tested: one that finds none of them would prove nothing. */
export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'drops a value',
    foundBy: 'lost value',
    plant: (stores) => {
      const isDropped = (iterationId: number): boolean => iterationId % 17 === 5;
      return believing(stores, (values) =>
        values.filter(({ iterationId }) => !isDropped(iterationId)),
      );
    },
  },
  {
    name: 'counts a value twice',
    foundBy: 'doubled value',
    plant: (stores) =>
      believing(stores, (values) =>
        values.flatMap((value) => (value.iterationId % 17 === 5 ? [value, value] : [value])),
      ),
  },
  {
    name: 'averages early',
    foundBy: 'early average',
    plant: (stores) => ({
      ...stores,
      values: {
        ...plain(stores).values,
        average: async (id) => averageOfStored(await collect(stores, id)),
      },
    }),
  },
  {
    name: 'allocates the same id twice',
    foundBy: 'run ids',
    plant: (stores) => {
      let before: Run | undefined;
      return {
        ...stores,
        runs: {
          ...plain(stores).runs,
          allocate: async (asked) => {
            const [newest] = await stores.runs.list(1);
            const run = await stores.runs.allocate(asked);
            const isNew = newest === undefined || run.id > newest.id;
            const answer = isNew && before !== undefined ? { ...run, id: before.id } : run;
            before = run;
            return answer;
          },
        },
      };
    },
  },
  {
    name: 'forgets the last range',
    foundBy: 'lost value',
    plant: (stores) => {
      const missing: Stores['values']['missing'] = async (id, within) => {
        const ranges = await stores.values.missing(id, within);
        // Not where nothing was done yet: that it would not do anything at all would not be subtle.
        return ranges.at(-1)?.first === 0 ? ranges : ranges.slice(0, -1);
      };
      return {
        ...stores,
        values: {
          ...plain(stores).values,
          missing,
          average: async (id) => averageOfStored(await collect(stores, id)),
        },
        failures: {
          ...plain(stores).failures,
          ledger: async (id) => {
            const ledger = await stores.failures.ledger(id);
            return { ...ledger, completed: ledger.requested - ledger.failed, missing: 0 };
          },
        },
      };
    },
  },
  {
    name: 'lets a second value replace the first',
    foundBy: 'second value',
    plant: (stores) => {
      const replaced = new Map<string, number>();
      return {
        ...stores,
        values: {
          ...plain(stores).values,
          write: async (id, batch) => {
            try {
              await stores.values.write(id, batch);
            } catch {
              for (const { iterationId, value } of batch) {
                replaced.set(`${id}/${iterationId}`, value);
              }
            }
          },
          async *read(id, from) {
            for await (const batch of stores.values.read(id, from)) {
              yield batch.map(({ iterationId, value }) => ({
                iterationId,
                value: replaced.get(`${id}/${iterationId}`) ?? value,
              }));
            }
          },
        },
      };
    },
  },
  {
    name: 'miscounts the ledger',
    foundBy: 'ledger',
    plant: (stores) => ({
      ...stores,
      failures: {
        ...plain(stores).failures,
        ledger: async (id) => {
          const ledger = await stores.failures.ledger(id);
          return { ...ledger, completed: ledger.completed + 1 };
        },
      },
    }),
  },
  {
    name: 'stores an average that is none of these values',
    foundBy: 'average',
    plant: (stores) => ({
      ...stores,
      averages: {
        ...plain(stores).averages,
        save: (id, average) =>
          stores.averages.save(id, { ...average, mean: average.mean * (1 + 2 ** -50) }),
      },
    }),
  },
];

/** The same stores as plain objects, whose methods can be replaced. */
function plain(stores: Stores): Stores {
  return interceptedStores(stores, (call) => call());
}

/** Stores that take `seen` of the values for all there is. */
function believing(
  stores: Stores,
  seen: (values: readonly IterationValue[]) => readonly IterationValue[],
): Stores {
  return {
    ...stores,
    values: {
      ...plain(stores).values,
      async *read(id: RunId, from?: IterationId) {
        for await (const batch of stores.values.read(id, from)) yield seen(batch);
      },
      average: async (id: RunId) => {
        // Refuses as it should while the run is incomplete.
        await stores.values.average(id);
        return averageOfStored(seen(await collect(stores, id)));
      },
    },
  };
}

async function collect({ values }: Stores, id: RunId): Promise<readonly IterationValue[]> {
  const all: IterationValue[] = [];
  for await (const batch of values.read(id)) all.push(...batch);
  return all;
}

function averageOfStored(values: readonly IterationValue[]): Average {
  return averageOf(values.map(({ value }) => value));
}
