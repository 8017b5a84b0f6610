import { stepComputeVersion, type Run } from '@stepcompute/core';
import type { ColumnSource, SchemaElement } from 'hyparquet-writer';
import { isShared } from './value-formats.js';
import type { Cell, Column, RunValues } from './value-table.js';

const typesInFile: Readonly<Record<Column['type'], Omit<SchemaElement, 'name'>>> = {
  integer: { type: 'INT32' },
  number: { type: 'DOUBLE' },
  boolean: { type: 'BOOLEAN' },
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
};

/**
 * A Parquet file in pieces, a row group each, so that no more than one is in memory.
 * @param runs whose records go into the file's metadata, as JSON under `stepcompute`
 */
export async function* parquetOf(
  columns: readonly Column[],
  rows: AsyncIterable<RunValues>,
  runs: readonly Run[],
): AsyncGenerator<Uint8Array, void> {
  const { ByteWriter, ParquetWriter } = await import('hyparquet-writer');
  const writer = new ByteWriter();
  const file = new ParquetWriter({
    writer,
    schema: [
      { name: 'values', num_children: columns.length },
      ...columns.map(({ name, type, hasNull }): SchemaElement => {
        return { name, ...typesInFile[type], repetition_type: hasNull ? 'OPTIONAL' : 'REQUIRED' };
      }),
    ],
    kvMetadata: [{ key: 'stepcompute', value: JSON.stringify(provenanceOf(runs)) }],
    createdBy: `stepcompute version ${stepComputeVersion}`,
  });
  const writtenSoFar = (): Uint8Array => {
    const bytes = writer.getBytes().slice();
    writer.index = 0;
    return bytes;
  };
  const group = new RowGroup(columns);
  const writeGroup = (): Uint8Array => {
    void file.write({ columnData: group.take(), rowGroupSize: group.size });
    return writtenSoFar();
  };
  for await (const values of rows) {
    const { length } = values.values.iterationIds;
    for (let first = 0; first < length;) {
      first += group.add(values, first);
      if (group.isFull) yield writeGroup();
    }
  }
  if (!group.isEmpty) yield writeGroup();
  void file.finish();
  yield writtenSoFar();
}

/** The records of the runs, on which their values depend, without their keys. */
function provenanceOf(runs: readonly Run[]): object {
  return {
    version: stepComputeVersion,
    runs: runs.map(({ id, generatorName, idempotencyKey, experimentKey, request, ...record }) => {
      return { run: id, generator: generatorName, ...record };
    }),
  };
}

/** In rows: some tens of thousands are read fast, and few enough that wide ones take little memory. */
const [mostRows, mostCells] = [131_072, 2 ** 20];

type Cells = Int32Array | Float64Array | Cell[];

/** The rows that are gathered for the next group. */
class RowGroup {
  readonly size: number;
  readonly #columns: readonly { readonly column: Column; readonly cells: Cells }[];
  #rows = 0;

  constructor(columns: readonly Column[]) {
    this.size = Math.min(mostRows, Math.ceil(mostCells / columns.length));
    this.#columns = columns.map((column) => ({ column, cells: cellsFor(column, this.size) }));
  }

  get isFull(): boolean {
    return this.#rows === this.size;
  }

  get isEmpty(): boolean {
    return this.#rows === 0;
  }

  /**
   * Adds as many rows as there is room for.
   * @param first the first of the values that is not in a group yet
   * @returns how many
   */
  add(values: RunValues, first: number): number {
    const count = Math.min(values.values.iterationIds.length - first, this.size - this.#rows);
    const end = this.#rows + count;
    for (const { column, cells } of this.#columns) {
      const added = column.cellsOf(values);
      if (isShared(added)) (cells as Cell[]).fill(added, this.#rows, end);
      else for (let row = 0; row < count; row += 1) cells[this.#rows + row] = added[first + row]!;
    }
    this.#rows = end;
    return count;
  }

  /** The rows by columns, as long as none are added. */
  take(): ColumnSource[] {
    const columns = this.#columns.map(({ column: { name }, cells }): ColumnSource => {
      const data = cells.length === this.#rows ? cells : cells.slice(0, this.#rows);
      // Iterations that follow each other take next to no room so.
      return name === 'iteration'
        ? { name, data, encoding: 'DELTA_BINARY_PACKED' }
        : { name, data };
    });
    this.#rows = 0;
    return columns;
  }
}

function cellsFor({ type, hasNull }: Column, size: number): Cells {
  if (hasNull || type === 'boolean' || type === 'text') return new Array<Cell>(size).fill(null);
  return type === 'integer' ? new Int32Array(size) : new Float64Array(size);
}
