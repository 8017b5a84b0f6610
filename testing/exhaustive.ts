/**
 * True when the suite also runs what is long and covers no behaviour that the rest does not: large runs,
 * many schedules of chaos, many random inputs. CI does, by `npm run test:exhaustive`.
 */
export const isExhaustive = process.env.STEPCOMPUTE_TEST_EXHAUSTIVE === '1';

/** How often something is done: every day, or where the suite is exhaustive. */
export const times = (everyDay: number, exhaustively: number): number =>
  isExhaustive ? exhaustively : everyDay;
