/**
 * What AWS has and allows, as its documents said on the day of {@link asOf}. docs/aws-facts.md has the commands that
 * compare them with an account. No fact is looked up while a program runs: each has a property that overrides it.
 */
export const awsFacts = {
  asOf: '2026-11-26',
  versions: {
    /**
     * Of Aurora PostgreSQL, by the major version, for which RDS takes its default minor one: AWS withdraws minor
     * versions. Pausing at 0 capacity units needs 16.3.
     * Source: CreateDBCluster, RDS API Reference; "Scaling to Zero ACUs", Aurora User Guide.
     */
    auroraPostgres: '16',
    /** Source: "Lambda runtimes", Lambda Developer Guide; supported until 2028-04-30. */
    nodejs: 'nodejs24.x',
  },
  lambda: {
    /** In minutes. Source: "Lambda quotas", Lambda Developer Guide. */
    longestInvocation: 15,
    /** In MiB. Source: the same. */
    memory: { least: 128, most: 10_240 },
    /** Source: the same. */
    mostLayers: 5,
    /**
     * A managed Node.js runtime's file with Amazon's certificates, those of RDS among them, which Node.js loads since
     * version 20 only where NODE_EXTRA_CA_CERTS names it.
     * Source: "CA certificate loading", Building Lambda functions with Node.js, Lambda Developer Guide.
     */
    certificates: '/var/runtime/ca-cert.pem',
    /**
     * Variables that Lambda sets itself, and refuses to be given.
     * Source: "Defined runtime environment variables", Lambda Developer Guide.
     */
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
    ],
  },
  stepFunctions: {
    /** Of one execution, which AWS ends there. Source: "Step Functions service quotas", Developer Guide. */
    mostHistoryEvents: 25_000,
    /** Of a payload, in bytes. Source: the same. */
    largestPayload: 262_144,
  },
} as const;
