/** The counts of a rehearsal, as AWS would have billed and limited them. */
export interface Costs {
  /** States entered and retried, and children started, in all executions. */
  readonly stateTransitions: number;
  readonly executions: number;
  readonly childExecutions: number;
  readonly lambdaRequests: number;
  /** Memory times duration; what the time scale has taken off is put back. */
  readonly lambdaGigabyteSeconds: number;
  readonly dataApiCalls: number;
  /** The calls as they are billed: see {@link dataApiRequestsOf}. */
  readonly dataApiRequests: number;
  readonly dataApiErrors: number;
  /** The largest input or output of a state, in bytes. */
  readonly largestPayloadBytes: number;
  /** The most events that one execution came to. */
  readonly longestHistory: number;
  /** How often which fault was brought about. */
  readonly faults: Readonly<Record<string, number>>;
  /** In us-east-1, database apart. */
  readonly dollars: number;
}

/** US dollars in us-east-1, November 2026. Those of the Data API are second-hand. */
const prices = {
  stateTransition: 0.025 / 1_000,
  lambdaRequest: 0.2 / 1_000_000,
  /** On arm64. */
  gigabyteSecond: 0.000_013_333_4,
  dataApiRequest: 0.35 / 1_000_000,
};

/** The bytes that a billed request of the Data API pays for. */
const dataApiRequestBytes = 32 * 1024;

/**
 * How many requests a call of the Data API is billed as: one for each 32 KB begun, as Amazon Aurora's pricing page
 * has it (at second hand, November 2026). Request and answer are counted together, the dearer way to read it.
 * @param bytes those of the request and of the answer
 */
export function dataApiRequestsOf(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / dataApiRequestBytes));
}

/** The sum of these in us-east-1, on arm64, database apart. */
export function dollarsOf(
  costs: Pick<
    Costs,
    'stateTransitions' | 'lambdaRequests' | 'lambdaGigabyteSeconds' | 'dataApiRequests'
  >,
): number {
  return (
    costs.stateTransitions * prices.stateTransition +
    costs.lambdaRequests * prices.lambdaRequest +
    costs.lambdaGigabyteSeconds * prices.gigabyteSecond +
    costs.dataApiRequests * prices.dataApiRequest
  );
}
