import { refuseUnknown } from '../errors/unknown-fields.js';
import type { Stores, ValueStore } from '../ports/stores.js';
import { parseConfidence } from '../run/confidence.js';
import type { Run } from '../run/run.js';
import { parseProbabilities, type Quantile } from '../statistics/quantile.js';
import { QuantileSearch } from '../statistics/quantile-search.js';
import { ofOneMoment, type Look } from './one-moment.js';

export interface QuantilesOptions {
  /**
   * How sure the intervals are, between 0 and 1.
   * @default 0.95
   */
  readonly confidence?: number | undefined;
}

/** The most that the searches of a turn hold together, in bytes; one of them may take it all. */
const mostBytes = 2 ** 26;

/**
 * The exact quantiles of a complete run's measures, by their names. It reads the run's values a few times,
 * usually three, in memory that doesn't grow with them: 0.5 MB for three quantiles of a measure, and 64 MB
 * at most. The same values give the same bits on every adapter.
 * @param run as its store has it
 * @param probabilities 1 to 1,000 different numbers from 0 to 1: 0.5 is the median
 * @throws InvalidInputError when the probabilities, or the options, are not such
 * @throws RunNotFoundError
 * @throws IncompleteRunError when an iteration has no value, unless it failed and the run tolerates as
 *   many failures; also when none has
 * @throws PersistenceError
 * @example
 * const { run } = await orchestrator.run({ repetitions: 10_000 });
 * const { value = [] } = await quantilesOf(stores, run, [0.05, 0.5, 0.95]);
 */
export async function quantilesOf(
  stores: { readonly values: Pick<ValueStore, 'scan'> } & Pick<Stores, 'failures'>,
  run: Pick<Run, 'id' | 'tolerance' | 'measures'>,
  probabilities: readonly number[],
  options: QuantilesOptions = {},
): Promise<Readonly<Record<string, readonly Quantile[]>>> {
  const parsed = parseProbabilities(probabilities);
  const { confidence } = refuseUnknown(options, 'options', { confidence: true });
  if (confidence !== undefined) parseConfidence(confidence);
  const places = run.measures.map((_, place) => place);
  const most = Math.max(1, Math.floor(mostBytes / QuantileSearch.bytesFor(parsed.length)));
  return ofOneMoment(stores, [run], async () => {
    const found: (readonly Quantile[])[] = [];
    let first: number | undefined;
    for (let from = 0; from < places.length; from += most) {
      const turn = places.slice(from, from + most);
      const { counts, answer } = await search(stores, run, turn, parsed, confidence);
      first ??= counts[0]!;
      if (answer === undefined || counts[0] !== first)
        return { counts: [first], answer: undefined };
      found.push(...answer());
    }
    const byName = run.measures.map((name, place) => [name, found[place]!] as const);
    return { counts: [first!], answer: () => Object.fromEntries(byName) };
  });
}

/** The quantiles of the measures at some places, from as many passes as they need. */
async function search(
  { values }: { readonly values: Pick<ValueStore, 'scan'> },
  { id }: Pick<Run, 'id'>,
  places: readonly number[],
  probabilities: readonly number[],
  confidence: number | undefined,
): Promise<Look<readonly (readonly Quantile[])[]>> {
  const searches = places.map(() => new QuantileSearch(probabilities, confidence));
  let first: number | undefined;
  for (let sought = searches; sought.length > 0;) {
    let count = 0;
    for await (const { iterationIds, values: column, more = [] } of values.scan(id)) {
      count += iterationIds.length;
      for (const [index, place] of places.entries()) {
        const each = searches[index]!;
        if (sought.includes(each)) each.addAll(place === 0 ? column : more[place - 1]!);
      }
    }
    first ??= count;
    if (count !== first) return { counts: [first], answer: undefined };
    sought = sought.filter((each) => each.endPass());
  }
  return { counts: [first!], answer: () => searches.map((each) => each.quantiles()) };
}
