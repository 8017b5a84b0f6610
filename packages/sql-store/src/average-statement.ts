import type { Tolerance } from '@stepcompute/core';
import { standingFailures } from './ledger.js';

/**
 * Where JavaScript rounds a product or quotient to 0, PostgreSQL raises 22003 (underflow). The sums
 * below therefore choose 0 themselves. A square d·d rounds to 0 up to this |d|, the largest double
 * not above 2^−537.5.
 */
const largestVanishingRoot = '1.5717277847026285e-162';

/** The smallest positive double, 2^−1074: a quotient s/n rounds to 0 when |s| + |s| ≤ n · this. */
const smallestDouble = '4.94065645841246544e-324';

/**
 * One snapshot for the check and both passes. `sum(… ORDER BY iteration_id)` adds from left to
 * right in doubles, as a loop does, where avg and stddev_samp do not.
 */
export const averageStatement = `
  WITH total AS (
    SELECT run.repetitions, run.tolerance, sums.*
    FROM stepcompute_run run, LATERAL (
      SELECT count(v.value)::integer AS count, sum(v.value ORDER BY v.iteration_id) AS sum,
        min(v.value) AS minimum, max(v.value) AS maximum
      FROM stepcompute_value v WHERE v.run_id = run.id AND v.iteration_id < run.repetitions
    ) AS sums
    WHERE run.id = $1
  ),
  ledger AS (
    SELECT total.*,
      CASE WHEN count = repetitions THEN 0 ELSE (${standingFailures}) END AS failed
    FROM total
  ),
  complete AS (
    SELECT CASE WHEN abs(sum) <= (count * '${smallestDouble}'::double precision) - abs(sum)
      THEN 0 ELSE sum / count END AS mean
    FROM ledger WHERE count > 0 AND count + failed = repetitions
  )
  SELECT ledger.*, (
    SELECT sum(
      CASE WHEN abs(v.value - mean) <= '${largestVanishingRoot}'::double precision
        THEN 0 ELSE (v.value - mean) * (v.value - mean) END
      ORDER BY v.iteration_id)
    FROM complete, stepcompute_value v
    WHERE v.run_id = $1 AND v.iteration_id < ledger.repetitions
  ) AS squared_deviations
  FROM ledger`;

/** The answer to {@link averageStatement}; no row when there is no such run. */
export interface SumsRow {
  readonly repetitions: number;
  readonly tolerance: Tolerance;
  readonly count: number;
  readonly failed: number;
  readonly sum: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly squared_deviations: number | null;
}
