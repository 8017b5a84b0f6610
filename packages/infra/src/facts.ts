/**
 * The offers and limits of AWS, as its documents have them. Each fact has a property that overrides it, or is a quota
 * that an account can have raised; docs/aws-facts.md compares them with an account.
 */
export const facts = {
  /**
   * Step Functions Developer Guide, "Quotas", July 2026.
   * @see https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
   */
  stepFunctions: {
    /** Events in the history of one Standard execution; it fails when it would come to more. */
    historyEvents: 25_000,
    /** Iterations of an inline Map at a time, whatever its MaxConcurrency says ("Map state in Inline mode"). */
    inlineConcurrency: 40,
    /** Children of a Map Run at a time. */
    childConcurrency: 10_000,
    /** How long an execution may take: a year. */
    executionSeconds: 31_536_000,
    /** Attempts of a retrier ("Handling errors in Step Functions workflows"). */
    retrierAttempts: 99_999_999,
  },
  /**
   * Lambda Developer Guide, "Lambda quotas", at second hand, November 2026: compare them with your account.
   * @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
   */
  lambda: {
    /** How long an invocation may take. */
    invocationSeconds: 900,
    leastMegabytes: 128,
    mostMegabytes: 10_240,
    mostLayers: 5,
    /** Of all variables of a function, their names and values. */
    environmentBytes: 4_096,
    /** Supported until April 2028 ("Lambda runtimes", November 2026). Property `runtime`. */
    runtime: 'nodejs24.x',
    /**
     * A managed Node.js runtime's file of Amazon's certificates, those of RDS among them. Since Node.js 20 it is loaded
     * only where NODE_EXTRA_CA_CERTS names it ("CA certificate loading", November 2026).
     * @see https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html
     */
    certificates: '/var/runtime/ca-cert.pem',
    /** Lambda sets these itself, and refuses to be given them ("Defined runtime environment variables", November 2026). */
    reservedVariables: [
      '_HANDLER',
      '_X_AMZN_TRACE_ID',
      'AWS_ACCESS_KEY',
      'AWS_ACCESS_KEY_ID',
      'AWS_DEFAULT_REGION',
      'AWS_EXECUTION_ENV',
      'AWS_LAMBDA_FUNCTION_MEMORY_SIZE',
      'AWS_LAMBDA_FUNCTION_NAME',
      'AWS_LAMBDA_FUNCTION_VERSION',
      'AWS_LAMBDA_INITIALIZATION_TYPE',
      'AWS_LAMBDA_LOG_GROUP_NAME',
      'AWS_LAMBDA_LOG_STREAM_NAME',
      'AWS_LAMBDA_RUNTIME_API',
      'AWS_REGION',
      'AWS_SECRET_ACCESS_KEY',
      'AWS_SESSION_TOKEN',
      'LAMBDA_RUNTIME_DIR',
      'LAMBDA_TASK_ROOT',
    ] as readonly string[],
    /** Functions at work at a time in a region, for everything in the account. It can be raised. */
    accountConcurrency: 1_000,
    /** The same in an account that is new: "new AWS accounts have reduced concurrency"; ten by public reports. */
    newAccountConcurrency: 10,
  },
  rds: {
    /**
     * Aurora PostgreSQL by its major version, for which RDS takes its default minor one: AWS withdraws minor versions,
     * and 16.6 was refused in 2026 while CDK still listed it. To pause at 0 capacity units takes 16.3 ("Scaling to zero
     * ACUs", Aurora User Guide, November 2026). Property `engine`.
     */
    auroraPostgresVersion: '16',
    /** A DB subnet group covers as many ("Working with a DB cluster in a VPC", Aurora User Guide, November 2026). */
    leastZones: 2,
  },
} as const;
