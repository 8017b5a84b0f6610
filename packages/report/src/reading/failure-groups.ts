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
  /** How many failures are in no group, since there were too many groups. */
  readonly others: number;
}

const mostGroups = 50;
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
      if (group === undefined && groups.size === mostGroups) others += 1;
      else groups.set(key, withFailure(group, failure));
    }
  }
  return { groups: [...groups.values()].sort((a, b) => b.count - a.count), others };
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
