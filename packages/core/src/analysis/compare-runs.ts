import { InvalidInputError } from '../errors/invalid-input-error.js';
import { refuseUnknown, type FieldNames } from '../errors/unknown-fields.js';
import type { Stores } from '../ports/stores.js';
import { parseConfidence } from '../run/confidence.js';
import { Fingerprint } from '../run/fingerprint.js';
import { areSameMeasures } from '../run/measures.js';
import { RunId } from '../run/numbers.js';
import { IncomparableRunsError } from '../run/run-errors.js';
import type { Run } from '../run/run.js';
import type { Average } from '../statistics/average.js';
import { AverageOfBlocks } from '../statistics/averaging.js';
import {
  intervalOf,
  pairedDifference,
  varianceRatioOf,
  welchDifference,
  type Difference,
} from '../statistics/comparison.js';
import { ofOneMoment } from './one-moment.js';
import { newPairBlock, PairedRuns } from './paired-runs.js';
import { valueBlocks, type ValueBlock } from './value-blocks.js';

export interface CompareRunsOptions {
  /** The run that all others are compared with. Default: none, each run is compared with each. */
  readonly control?: number | undefined;
  /**
   * How sure the intervals are, above 0 and below 1.
   * @default 0.95
   */
  readonly confidence?: number | undefined;
}

/** Two runs' means of one measure beside each other: docs/statistics.md says how they are compared. */
export interface RunComparison {
  readonly measure: string;
  readonly control: RunId;
  readonly run: RunId;
  /** The run's mean less the control's; over the pairs where they are paired. */
  readonly difference: number;
  /** Null with a single pair, or of a run with a single value; and so are the intervals. */
  readonly standardError: number | null;
  /** Of Student's t: pairs less one, or Welch's, which is not whole. */
  readonly degreesOfFreedom: number | null;
  /** Student's interval of this difference by itself. */
  readonly confidenceInterval: readonly [lower: number, upper: number] | null;
  /** Bonferroni's: with the confidence asked for, all of a measure's hold together. */
  readonly simultaneousInterval: readonly [lower: number, upper: number] | null;
  /** How many iterations were paired; null unless both runs have the same seed. */
  readonly pairs: number | null;
  /**
   * How many iterations are in no pair: one run has no value for them, or has it from other code. Null unless
   * the runs are paired.
   */
  readonly leftOut: number | null;
  /**
   * The variance that the difference would have of independent runs, over what it has: how many times as
   * many iterations these would need. Null unless the runs are paired, and where all differences are equal.
   */
  readonly varianceRatio: number | null;
  /** True when the simultaneous interval leaves out 0. */
  readonly isDistinguishable: boolean;
}

/** A run's place among those that were compared. */
export interface RankedRun {
  readonly run: RunId;
  readonly mean: number;
  /** The runs that it was compared with and can't be told from, in the order of their means. */
  readonly indistinguishable: readonly RunId[];
}

/** The result of {@link compareRuns}. */
export interface ComparedRuns {
  readonly confidence: number;
  /** Each measure's, in the order of the runs. */
  readonly comparisons: readonly RunComparison[];
  /** The runs in the order of their means, the lowest first, by the names of the measures. */
  readonly rankings: Readonly<Record<string, readonly RankedRun[]>>;
}

/** A comparison asked for: places among the runs. */
interface Pair {
  readonly control: number;
  readonly run: number;
  /** Undefined where the seeds differ. */
  readonly paired: PairedRuns | undefined;
}

/** So many runs make some 10,000 pairs. */
const mostEachWithEach = 141;
const mostWithControl = 10_000;

/**
 * Compares the means of complete runs of one simulation: with a control, or each with each. Runs of the same
 * seed have common random numbers and are paired by iteration; others are compared as Welch does. Each run
 * is read once, whatever the number of comparisons, and a few numbers are held for each of them. The same
 * values give the same bits on every adapter.
 * @param ids two or more different runs'
 * @throws InvalidInputError when the ids or the options are not such, or are more than 141 without a control
 * @throws RunNotFoundError
 * @throws IncomparableRunsError when two that are to be compared are of different simulations
 * @throws IncompleteRunError when an iteration has no value, unless it failed and its run tolerates as
 *   many failures; also when none has
 * @throws AverageOverflowError
 * @throws PersistenceError
 * @example
 * const { comparisons } = await compareRuns(stores, [3, 4, 5], { control: 3 });
 */
export async function compareRuns(
  stores: Pick<Stores, 'runs' | 'values' | 'failures'>,
  ids: readonly number[],
  options: CompareRunsOptions = {},
): Promise<ComparedRuns> {
  const { control, confidence = 0.95 } = refuseUnknown(options, 'options', optionNames);
  parseConfidence(confidence);
  const parsed = parseIds(ids);
  const places = pairsOf(parsed, control);
  const runs: Run[] = [];
  for (const id of parsed) runs.push(await stores.runs.get(id));
  for (const [a, b] of places) refuseOtherSimulation(runs[a]!, runs[b]!);
  return ofOneMoment(stores, runs, async () => {
    const reading = await read(stores, runs, places);
    const counts = reading.averages.map(([first]) => first!.count);
    return { counts, answer: () => answerOf(runs, reading, confidence) };
  });
}

const optionNames: FieldNames<CompareRunsOptions> = { control: true, confidence: true };

function parseIds(ids: unknown): readonly RunId[] {
  if (!Array.isArray(ids) || ids.length < 2) {
    throw new InvalidInputError('runs', 'the ids of two runs or more', ids);
  }
  // By position: a hole is refused.
  const parsed = Array.from(ids, RunId.parse);
  const repeated = parsed.find((id, index) => parsed.indexOf(id) < index);
  if (repeated === undefined) return parsed;
  throw new InvalidInputError('runs', 'different ones: none is compared with itself', repeated);
}

/** The places of each control and its run. */
function pairsOf(
  ids: readonly RunId[],
  control: number | undefined,
): (readonly [number, number])[] {
  const place = ids.indexOf(control as RunId);
  if (control !== undefined && place < 0) {
    throw new InvalidInputError('control', 'one of the runs that are compared', control);
  }
  if (control === undefined && ids.length > mostEachWithEach) {
    const expected = `at most ${mostEachWithEach} to be compared each with each, or have a control`;
    throw new InvalidInputError('runs', expected, ids.length);
  }
  if (ids.length > mostWithControl) {
    throw new InvalidInputError('runs', `at most ${mostWithControl}`, ids.length);
  }
  const others = ids.map((_, other) => other);
  return control === undefined
    ? others.flatMap((a) => others.slice(a + 1).map((b) => [a, b] as const))
    : others.filter((other) => other !== place).map((other) => [place, other] as const);
}

/** @throws IncomparableRunsError */
function refuseOtherSimulation(control: Run, run: Run): void {
  const difference = otherSimulation(control, run);
  if (difference !== undefined) throw new IncomparableRunsError(control.id, run.id, difference);
}

/** As the end of a sentence; undefined when both are of the same simulation. */
function otherSimulation(control: Run, run: Run): string | undefined {
  const between = (what: string, ofControl: string, ofRun: string): string =>
    `${what} of run ${control.id}: ${ofControl}; of run ${run.id}: ${ofRun}`;
  if (!areSameMeasures(control.measures, run.measures)) {
    return between('measures', control.measures.join(', '), run.measures.join(', '));
  }
  const places = Math.min(control.simulation.length, run.simulation.length);
  let isKnown = false;
  for (let place = 0; place < places; place += 1) {
    const [ours, theirs] = [control.simulation[place]!, run.simulation[place]!];
    const areSame = Fingerprint.areSame(ours, theirs);
    if (areSame === false) {
      return between('simulation', Fingerprint.describe(ours), Fingerprint.describe(theirs));
    }
    isKnown ||= areSame === true;
  }
  if (isKnown || control.generatorName === run.generatorName) return undefined;
  const [ours, theirs] = [control, run].map(({ generatorName }) => JSON.stringify(generatorName));
  return between('simulation', ours!, theirs!);
}

/** The result of one reading of the runs: their averages by measures, and their pairs. */
interface Reading {
  readonly averages: readonly (readonly AverageOfBlocks[])[];
  readonly pairs: readonly Pair[];
}

/** Reads all runs in step, a block of each at a time. */
async function read(
  { values }: Pick<Stores, 'values'>,
  runs: readonly Run[],
  places: readonly (readonly [number, number])[],
): Promise<Reading> {
  const measures = runs[0]!.measures.length;
  const averages = runs.map(() => Array.from({ length: measures }, () => new AverageOfBlocks()));
  const pairBlock = newPairBlock();
  const pairs = places.map(([control, run]) => {
    const isPaired = runs[control]!.seed === runs[run]!.seed;
    return { control, run, paired: isPaired ? new PairedRuns(measures, pairBlock) : undefined };
  });
  const readers = runs.map(({ id }) => valueBlocks(values.scan(id), measures));
  try {
    const next = async (place: number): Promise<ValueBlock | undefined> =>
      (await readers[place]!.next()).value;
    let blocks = await Promise.all(readers.map((_, place) => next(place)));
    for (;;) {
      const lowest = Math.min(...blocks.map((block) => block?.index ?? Infinity));
      if (lowest === Infinity) return { averages, pairs };
      const here = blocks.map((block) => (block?.index === lowest ? block : undefined));
      for (const [place, block] of here.entries()) {
        block?.columns.forEach((column, measure) => {
          averages[place]![measure]!.addBlock(column, block.count);
        });
      }
      for (const { control, run, paired } of pairs) paired?.addBlock(here[control], here[run]);
      blocks = await Promise.all(
        blocks.map((block, place) =>
          here[place] === undefined ? Promise.resolve(block) : next(place),
        ),
      );
    }
  } finally {
    await Promise.allSettled(readers.map((reader) => reader.return(undefined)));
  }
}

function answerOf(runs: readonly Run[], reading: Reading, confidence: number): ComparedRuns {
  const comparisons: RunComparison[] = [];
  const rankings: Record<string, readonly RankedRun[]> = {};
  for (const [place, measure] of runs[0]!.measures.entries()) {
    const means = reading.averages.map((ofRun) => ofRun[place]!.average());
    const compared = reading.pairs.map((pair): RunComparison => {
      const [control, run] = [runs[pair.control]!.id, runs[pair.run]!.id];
      const { varianceRatio, ...difference } = differenceOf(control, run, pair, means, place);
      const simultaneousInterval = intervalOf(difference, confidence, reading.pairs.length);
      const [lower, upper] = simultaneousInterval ?? [0, 0];
      return {
        measure,
        control,
        run,
        ...difference,
        confidenceInterval: intervalOf(difference, confidence),
        simultaneousInterval,
        pairs: pair.paired?.pairs ?? null,
        leftOut: pair.paired?.leftOut ?? null,
        varianceRatio,
        isDistinguishable: lower > 0 || upper < 0,
      };
    });
    comparisons.push(...compared);
    rankings[measure] = rankingOf(runs, means, compared);
  }
  return { confidence, comparisons, rankings };
}

function differenceOf(
  control: RunId,
  run: RunId,
  pair: Pair,
  means: readonly Average[],
  place: number,
): Difference & Pick<RunComparison, 'varianceRatio'> {
  if (pair.paired === undefined) {
    return { ...welchDifference(means[pair.control]!, means[pair.run]!), varianceRatio: null };
  }
  if (pair.paired.pairs === 0) {
    const nothing = 'no iteration has a value of both, from the same code';
    throw new IncomparableRunsError(control, run, nothing);
  }
  const { difference, ...each } = pair.paired.measures[place]!;
  const paired = difference.average();
  const varianceRatio = varianceRatioOf(each.control.average(), each.run.average(), paired);
  return { ...pairedDifference(paired), varianceRatio };
}

/** The lowest mean first; of equal ones, the run that was given first. */
function rankingOf(
  runs: readonly Run[],
  means: readonly Average[],
  comparisons: readonly RunComparison[],
): readonly RankedRun[] {
  const ranked = runs
    .map(({ id }, place) => ({ run: id, mean: means[place]!.mean }))
    .sort((a, b) => a.mean - b.mean);
  const others = new Map(ranked.map(({ run }) => [run, new Set<RunId>()]));
  for (const { control, run, isDistinguishable } of comparisons) {
    if (isDistinguishable) continue;
    others.get(control)!.add(run);
    others.get(run)!.add(control);
  }
  return ranked.map((each) => ({
    ...each,
    indistinguishable: ranked.flatMap(({ run }) => (others.get(each.run)!.has(run) ? run : [])),
  }));
}
