import { RunParameters, type JsonObject, type Run } from '@stepcompute/core';
import type { NewRun } from '@stepcompute/core/adapters';
import { EntitySchema, type EntitySchemaColumnOptions } from 'typeorm';

/** Postgres answers bigint as text, since not all of them fit a number; seeds do. */
const bigintAsNumber = {
  to: (value: number | null): number | null => value,
  from: (value: string | number | null): number | null => (value === null ? null : Number(value)),
};

/** A text that holds JSON: every database and every driver has texts, and they come back as they were. */
const json = {
  type: 'text',
  transformer: {
    to: (value: unknown): string | null =>
      value === null || value === undefined ? null : JSON.stringify(value),
    from: (text: string | null): unknown => (text === null ? null : JSON.parse(text)),
  },
} as const;

/** Sorted, frozen and the same for all iterations of the run that was read. */
const parameters = {
  to: (value: JsonObject): string => RunParameters.text(value),
  from: (text: string): JsonObject => RunParameters.fromText(text),
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
  parameters: { type: 'text', default: '{}', transformer: parameters },
  generatorName: { name: 'generator_name', type: 'text' },
  tolerance: { type: 'text', default: '0' },
  idempotencyKey: { name: 'idempotency_key', type: 'text', nullable: true },
  label: { type: 'text', nullable: true },
  precision: { ...json, nullable: true },
  experiment: { type: 'text', nullable: true },
  experimentKey: { name: 'experiment_key', type: 'text', nullable: true },
  scenario: { type: 'text', nullable: true },
  // Null in runs that were begun before there was this column.
  request: { ...json, nullable: true },
  simulation: { ...json, default: '[{}]' },
  measures: { ...json, default: '["value"]' },
  versions: { ...json, nullable: true },
} as const satisfies Record<keyof NewRun, EntitySchemaColumnOptions>;

/** All columns of a run. */
export const runColumns = {
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

/** Of a run that was deleted: its row stays, and no statement but those about tombstones finds it. */
const tombstoneColumns = {
  deletedAt: {
    name: 'deleted_at',
    type: 'timestamp with time zone',
    precision: 3,
    nullable: true,
    select: false,
  },
} as const satisfies Record<string, EntitySchemaColumnOptions>;

export const runSchema = new EntitySchema<RunRow>({
  name: 'stepcompute_run',
  columns: { ...runColumns, ...tombstoneColumns },
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
    { name: 'stepcompute_run_label', expression: 'char_length(label) BETWEEN 1 AND 256' },
    { name: 'stepcompute_run_parameters', expression: 'octet_length(parameters) <= 16384' },
  ],
});

export interface ValueRow {
  runId: number;
  iterationId: number;
  value: number;
  more: number[] | null;
  code: number | null;
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
    /** Of further measures, in their order. Null costs no bytes. */
    more: { type: 'double precision', array: true, nullable: true },
    /** The place of its code among those that the run accepts; null for the first. */
    code: { type: 'smallint', nullable: true },
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
  /** How it was taken; null of one that an earlier version stored. */
  averaging: string | null;
  storedAt: Date;
}

const figureColumns = {
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
} as const satisfies Record<string, EntitySchemaColumnOptions>;

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
    ...figureColumns,
    averaging: { type: 'text', nullable: true },
  },
  checks: [
    { name: 'stepcompute_average_count', expression: 'count >= 1' },
    { name: 'stepcompute_average_mean', expression: `mean > '-Infinity' AND mean < 'Infinity'` },
  ],
});

interface MeasureAverageRow extends AverageRow {
  measure: string;
  averaging: string;
}

/** The averages of the second measure and those that follow. */
const measureAverageSchema = new EntitySchema<MeasureAverageRow>({
  name: 'stepcompute_measure_average',
  columns: {
    runId: {
      name: 'run_id',
      type: 'integer',
      primary: true,
      primaryKeyConstraintName: 'stepcompute_measure_average_pk',
    },
    count: {
      type: 'integer',
      primary: true,
      primaryKeyConstraintName: 'stepcompute_measure_average_pk',
    },
    measure: {
      type: 'text',
      primary: true,
      primaryKeyConstraintName: 'stepcompute_measure_average_pk',
    },
    ...figureColumns,
    averaging: { type: 'text' },
  },
  checks: [
    { name: 'stepcompute_measure_average_count', expression: 'count >= 1' },
    {
      name: 'stepcompute_measure_average_mean',
      expression: `mean > '-Infinity' AND mean < 'Infinity'`,
    },
  ],
});

/** One row: which code may work on this schema. */
const readerSchema = new EntitySchema<{ oldestReader: number }>({
  name: 'stepcompute_schema',
  columns: {
    oldestReader: {
      name: 'oldest_reader',
      type: 'integer',
      primary: true,
      primaryKeyConstraintName: 'stepcompute_schema_pk',
    },
  },
});

/** The entities, for the `entities` of a DataSource. */
export const schemas: EntitySchema[] = [
  runSchema,
  valueSchema,
  failureSchema,
  averageSchema,
  measureAverageSchema,
  readerSchema,
];

/**
 * The same entities in a schema of their own, wherever the DataSource has its other tables.
 * @example
 * new DataSource({ type: 'postgres', url, entities: [Order, Customer, ...schemasIn('sim')] });
 */
export function schemasIn(schema: string): EntitySchema[] {
  return schemas.map(({ options }) => new EntitySchema(Object.assign({}, options, { schema })));
}
