import type { Stores } from '../ports/stores.js';
import type { Run } from '../run/run.js';
import type { RunAverage } from '../statistics/average.js';
import { Averaging } from '../statistics/averaging.js';
import { ofOneMoment } from './one-moment.js';

/**
 * Averages a run's values, all of one moment.
 * @throws RunNotFoundError
 * @throws IncompleteRunError when an iteration has no value, unless it failed and the run tolerates as
 *   many failures; also when none has
 * @throws AverageOverflowError
 */
export function averageOfRun(
  stores: Pick<Stores, 'values' | 'failures'>,
  run: Pick<Run, 'id' | 'tolerance' | 'measures'>,
): Promise<RunAverage> {
  return ofOneMoment(stores, [run], async () => {
    const averaging = new Averaging();
    const further = run.measures.slice(1).map((name) => ({ name, averaging: new Averaging() }));
    for await (const { iterationIds, values, more } of stores.values.scan(run.id)) {
      averaging.addAll(iterationIds, values);
      further.forEach(({ averaging: each }, index) => each.addAll(iterationIds, more![index]!));
    }
    const answer = (): RunAverage => {
      const average = averaging.average();
      if (further.length === 0) return average;
      const more = further.map(({ name, averaging: each }) => [name, each.average()] as const);
      return { ...average, more: Object.fromEntries(more) };
    };
    return { counts: [averaging.count], answer };
  });
}
