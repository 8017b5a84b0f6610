/** The account of a run's iterations: requested = completed + failed + missing, always. */
export interface Ledger {
  readonly requested: number;
  readonly completed: number;
  /** Of those without a value alone. */
  readonly failed: number;
  readonly missing: number;
}

/** The ledger in which what is neither completed nor failed is missing. */
export function ledgerOf({ requested, completed, failed }: Omit<Ledger, 'missing'>): Ledger {
  return { requested, completed, failed, missing: requested - completed - failed };
}
