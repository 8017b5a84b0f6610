/** The account of a run's iterations: requested = completed + failed + missing, always. */
export interface Ledger {
  readonly requested: number;
  readonly completed: number;
  /** Of those without a value alone. */
  readonly failed: number;
  readonly missing: number;
  /**
   * How many of those completed came from a changed simulation that was accepted; left out where none did.
   */
  readonly changed?: number | undefined;
}

/** The ledger in which what is neither completed nor failed is missing. */
export function ledgerOf({ changed = 0, ...counts }: Omit<Ledger, 'missing'>): Ledger {
  const { requested, completed, failed } = counts;
  const missing = requested - completed - failed;
  return { requested, completed, failed, missing, ...(changed > 0 && { changed }) };
}
