import type { Run } from '@stepcompute/core';
import type { NewRun } from '@stepcompute/core/adapters';
import { EntitySchema, type EntitySchemaColumnOptions } from 'typeorm';

/** Postgres answers bigint as text, since not all of them fit a number; seeds do. */
const bigintAsNumber = {
  to: (value: number | null): number | null => value,
  from: (value: string | number | null): number | null => (value === null ? null : Number(value)),
};

/** A run's fields as a row has them: null where the field is undefined. */
export type RunRow = {
  -readonly [Field in keyof Run]-?: undefined extends Run[Field]
    ? Exclude<Run[Field], undefined> | null
    : Run[Field];
};

/** The columns of what was asked of a run. Its insert is made of them, so a field of a run needs no other list. */
export const askedColumns = {
  repetitions: { type: 'integer' },
  seed: { type: 'bigint', transformer: bigintAsNumber },
  delayMs: { name: 'delay_ms', type: 'double precision' },
  generatorName: { name: 'generator_name', type: 'text' },
  tolerance: { type: 'text', default: '0' },
  idempotencyKey: { name: 'idempotency_key', type: 'text', nullable: true },
} as const satisfies Record<keyof NewRun, EntitySchemaColumnOptions>;

const runColumns = {
  id: {
    type: 'integer',
    primary: true,
    primaryKeyConstraintName: 'stepcompute_run_pk',
    generated: 'increment',
  },
  ...askedColumns,
  status: { type: 'text', default: 'started' },
  startedAt: {
    name: 'started_at',
    type: 'timestamp with time zone',
    precision: 3,
    default: () => 'now()',
  },
  finishedAt: {
    name: 'finished_at',
    type: 'timestamp with time zone',
    precision: 3,
    nullable: true,
  },
} as const satisfies Record<keyof Run, EntitySchemaColumnOptions>;

export const runSchema = new EntitySchema<RunRow>({
  name: 'stepcompute_run',
  columns: runColumns,
  uniques: [{ name: 'stepcompute_run_idempotency_key', columns: ['idempotencyKey'] }],
  checks: [
    { name: 'stepcompute_run_repetitions', expression: 'repetitions BETWEEN 1 AND 1000000000' },
    { name: 'stepcompute_run_seed', expression: 'seed BETWEEN 0 AND 9007199254740991' },
    { name: 'stepcompute_run_delay', expression: 'delay_ms BETWEEN 0 AND 31536000000' },
    {
      name: 'stepcompute_run_tolerance',
      expression: `tolerance ~ '^([0-9]{1,10}|[0-9]{1,3}([.][0-9]{1,6})?%)$'`,
    },
    {
      name: 'stepcompute_run_status',
      expression: `status IN ('started', 'completed', 'failed', 'cancelled')`,
    },
  ],
});

export interface ValueRow {
  runId: number;
  iterationId: number;
  value: number;
}

/**
 * No foreign key: checking one costs more than the row. Each statement that writes values proves the
 * run and the iteration's place in it instead.
 */
export const valueSchema = new EntitySchema<ValueRow>({
  name: 'stepcompute_value',
  columns: {
    runId: {
      name: 'run_id',
      type: 'integer',
      primary: true,
      primaryKeyConstraintName: 'stepcompute_value_pk',
    },
    iterationId: {
      name: 'iteration_id',
      type: 'integer',
      primary: true,
      primaryKeyConstraintName: 'stepcompute_value_pk',
    },
    value: { type: 'double precision' },
  },
  checks: [
    { name: 'stepcompute_value_iteration', expression: 'iteration_id >= 0' },
    {
      name: 'stepcompute_value_finite',
      expression: `value > '-Infinity' AND value < 'Infinity'`,
    },
  ],
});

export interface FailureRow {
  runId: number;
  iterationId: number;
  errorName: string;
  message: string;
  attempts: number;
  failedAt: Date;
}

export const failureSchema = new EntitySchema<FailureRow>({
  name: 'stepcompute_failure',
  columns: {
    runId: {
      name: 'run_id',
      type: 'integer',
      primary: true,
      primaryKeyConstraintName: 'stepcompute_failure_pk',
    },
    iterationId: {
      name: 'iteration_id',
      type: 'integer',
      primary: true,
      primaryKeyConstraintName: 'stepcompute_failure_pk',
    },
    errorName: { name: 'error_name', type: 'text' },
    message: { type: 'text' },
    attempts: { type: 'integer', default: 1 },
    failedAt: {
      name: 'failed_at',
      type: 'timestamp with time zone',
      precision: 3,
      default: () => 'now()',
    },
  },
  checks: [
    { name: 'stepcompute_failure_attempts', expression: 'attempts >= 1' },
    { name: 'stepcompute_failure_iteration', expression: 'iteration_id >= 0' },
  ],
});

export interface AverageRow {
  runId: number;
  count: number;
  mean: number;
  standardDeviation: number | null;
  minimum: number;
  maximum: number;
  storedAt: Date;
}

/** May live in another database than the runs, hence no foreign key. */
export const averageSchema = new EntitySchema<AverageRow>({
  name: 'stepcompute_average',
  columns: {
    runId: {
      name: 'run_id',
      type: 'integer',
      primary: true,
      primaryKeyConstraintName: 'stepcompute_average_pk',
    },
    count: {
      type: 'integer',
      primary: true,
      primaryKeyConstraintName: 'stepcompute_average_pk',
    },
    mean: { type: 'double precision' },
    standardDeviation: { name: 'standard_deviation', type: 'double precision', nullable: true },
    minimum: { type: 'double precision' },
    maximum: { type: 'double precision' },
    storedAt: {
      name: 'stored_at',
      type: 'timestamp with time zone',
      precision: 3,
      default: () => 'now()',
    },
  },
  checks: [
    { name: 'stepcompute_average_count', expression: 'count >= 1' },
    { name: 'stepcompute_average_mean', expression: `mean > '-Infinity' AND mean < 'Infinity'` },
  ],
});

/** The entities of a StepCompute DataSource. */
export const schemas = [runSchema, valueSchema, failureSchema, averageSchema];
