/**
 * AWS's quotas that a deployment's limits are computed from, as AWS's documents have them. Those that an
 * account can have raised are named so.
 */
export const facts = {
  /**
   * Step Functions Developer Guide, "Quotas", July 2026.
   * @see https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
   */
  stepFunctions: {
    /** Events in the history of one Standard execution; it fails when it would come to more. */
    historyEvents: 25_000,
    /** Bytes of JSON that a state takes or hands on. */
    payloadBytes: 262_144,
    /** Iterations of an inline Map at a time, whatever its MaxConcurrency says ("Map state in Inline mode"). */
    inlineConcurrency: 40,
    /** Children of a Map Run at a time. */
    childConcurrency: 10_000,
    /** Standard children that a Map Run starts in a second. */
    childrenPerSecond: 100,
    /** How long an execution may take: a year. */
    executionSeconds: 31_536_000,
    /** Attempts of a retrier ("Handling errors in Step Functions workflows"). */
    retrierAttempts: 99_999_999,
  },
  /**
   * Lambda Developer Guide, "Lambda quotas", July 2026.
   * @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
   */
  lambda: {
    /** How long an invocation may take. */
    invocationSeconds: 900,
    /** Functions at work at a time in a region, for everything in the account. It can be raised. */
    accountConcurrency: 1_000,
    /** The same in an account that is new: "new AWS accounts have reduced concurrency"; ten by public reports. */
    newAccountConcurrency: 10,
    /** At this memory a function has one whole processor ("Configure Lambda function memory"). */
    wholeProcessorMegabytes: 1_769,
  },
} as const;
