import type { ColumnMetadata, Field, SqlParameter } from '@aws-sdk/client-rds-data';
import { PersistenceError } from '@stepcompute/core';
import { describeValue } from '@stepcompute/core/adapters';

/** A JavaScript value as the Data API takes it: typed, and beside the statement, never in it. */
export function toParameter(name: string, value: unknown): SqlParameter {
  if (value instanceof Date) {
    const stringValue = value.toISOString().replace('T', ' ').replace('Z', '');
    return { name, value: { stringValue }, typeHint: 'TIMESTAMP' };
  }
  return { name, value: toField(value) };
}

function toField(value: unknown): Field {
  if (value === null || value === undefined) return { isNull: true };
  switch (typeof value) {
    case 'number':
      if (Number.isSafeInteger(value)) return { longValue: value + 0 };
      if (Number.isFinite(value)) return { doubleValue: value };
      break;
    case 'string':
      return { stringValue: value };
    case 'boolean':
      return { booleanValue: value };
  }
  throw new PersistenceError(`the Data API takes no ${describeValue(value)} as a parameter`, {
    retryable: false,
  });
}

/** A row by its columns' names. Moments come as text in UTC without saying so. */
export function toRow(
  fields: readonly Field[],
  columns: readonly ColumnMetadata[],
): Record<string, unknown> {
  return Object.fromEntries(
    columns.map(({ label, typeName }, index) => [
      label ?? '',
      fromField(fields[index] ?? { isNull: true }, typeName),
    ]),
  );
}

function fromField(field: Field, typeName: string | undefined): unknown {
  if (field.isNull === true) return null;
  if (field.stringValue !== undefined) {
    return typeName === 'timestamptz' || typeName === 'timestamp'
      ? new Date(`${field.stringValue.replace(' ', 'T')}Z`)
      : field.stringValue;
  }
  return field.longValue ?? field.doubleValue ?? field.booleanValue ?? field.blobValue;
}
