import type { Cell, Column, RunValues } from './value-table.js';

/** As RFC 4180 has it. A null is nothing at all, and an empty text `""`. */
export async function* csvOf(
  columns: readonly Column[],
  rows: AsyncIterable<RunValues>,
  hasHeader: boolean,
): AsyncGenerator<string, void> {
  if (hasHeader) yield `${columns.map(({ name }) => name).join(',')}\n`;
  yield* linesOf(columns, rows, {
    before: (_, place) => (place === 0 ? '' : ','),
    textOf: csvText,
    after: '\n',
  });
}

/** An object of JSON a line (https://jsonlines.org). */
export async function* jsonLinesOf(
  columns: readonly Column[],
  rows: AsyncIterable<RunValues>,
): AsyncGenerator<string, void> {
  yield* linesOf(columns, rows, {
    before: (name, place) => `${place === 0 ? '{' : ','}"${name}":`,
    textOf: (cell) => JSON.stringify(cell),
    after: '}\n',
  });
}

function csvText(cell: Cell): string {
  if (typeof cell !== 'string') return cell === null ? '' : String(cell);
  return cell === '' || /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** How a row becomes a line. Numbers are written by their shortest text in every format. */
interface LineFormat {
  /** The text before a column's cell. */
  readonly before: (name: string, place: number) => string;
  readonly textOf: (cell: Cell) => string;
  readonly after: string;
}

async function* linesOf(
  columns: readonly Column[],
  rows: AsyncIterable<RunValues>,
  { before, textOf, after }: LineFormat,
): AsyncGenerator<string, void> {
  for await (const values of rows) {
    // The columns that differ from row to row, each after the text that all rows have before it.
    const differing: { readonly text: string; readonly cells: ArrayLike<number> }[] = [];
    let text = '';
    columns.forEach(({ name, cellsOf }, place) => {
      const cells = cellsOf(values);
      text += before(name, place);
      if (isShared(cells)) text += textOf(cells);
      else {
        differing.push({ text, cells });
        text = '';
      }
    });
    const end = text + after;
    yield Array.from(values.values.iterationIds, (_, row) => {
      let line = '';
      for (const { text, cells } of differing) line += `${text}${cells[row]}`;
      return line + end;
    }).join('');
  }
}

export function isShared(cells: Cell | ArrayLike<number>): cells is Cell {
  return typeof cells !== 'object' || cells === null;
}
