import type { IterationFailure, RunId, Stores } from '@stepcompute/core';

/** Failures of one name, whose messages differ by their numbers at most. */
export interface FailureGroup {
  readonly errorName: string;
  /** Of the first. */
  readonly message: string;
  readonly count: number;
  /** The first of them. */
  readonly iterations: readonly number[];
}

export interface GroupedFailures {
  /** The largest first. */
  readonly groups: readonly FailureGroup[];
  /** How many failures are in none of these. */
  readonly others: number;
}

/** So many are shown of those that are counted: the largest. */
const mostShown = 50;
const mostCounted = 1000;
const mostIterations = 5;

/** The failures of a run by what they say, read a batch at a time. */
export async function groupedFailures(
  { failures }: Pick<Stores, 'failures'>,
  id: RunId,
): Promise<GroupedFailures> {
  const groups = new Map<string, FailureGroup>();
  let others = 0;
  for await (const batch of failures.read(id)) {
    for (const failure of batch) {
      const key = JSON.stringify([failure.errorName, failure.message.replaceAll(/\d+/g, '0')]);
      const group = groups.get(key);
      if (group === undefined && groups.size === mostCounted) others += giveUpSmallest(groups);
      groups.set(key, withFailure(group, failure));
    }
  }
  const largest = [...groups.values()].sort((a, b) => b.count - a.count);
  const left = largest.splice(mostShown);
  return { groups: largest, others: left.reduce((sum, { count }) => sum + count, others) };
}

/** @returns how many failures it had */
function giveUpSmallest(groups: Map<string, FailureGroup>): number {
  let smallest: readonly [string, number] = ['', Infinity];
  for (const [key, { count }] of groups) if (count < smallest[1]) smallest = [key, count];
  groups.delete(smallest[0]);
  return smallest[1];
}

function withFailure(
  group: FailureGroup | undefined,
  { errorName, message, iterationId }: IterationFailure,
): FailureGroup {
  const { count, iterations } = group ?? { count: 0, iterations: [] };
  return {
    errorName,
    message: group?.message ?? message,
    count: count + 1,
    iterations: count < mostIterations ? [...iterations, iterationId] : iterations,
  };
}
