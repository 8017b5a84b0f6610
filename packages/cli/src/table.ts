import { stripVTControlCharacters } from 'node:util';
import type { RunStatus } from '@stepcompute/core';
import stringWidth from 'string-width';
import { paint, type Screen } from './screen.js';

type Row = readonly string[];

const gap = '  ';

/** Fewer columns of a text than this say nothing. */
const leastText = 8;

/**
 * Rows of text: on a terminal, columns within its width; elsewhere, whole cells with tabs between them. A
 * tab, a line break or another control character in a cell, which would end it or reach the terminal,
 * becomes a space. On a terminal a text that does not fit is cut, with `…`; a quantity is not. Where no
 * line has room for a quantity of each column, a row takes a line for each of its cells.
 * @param head the names of the columns. Without one, the first column names what is in the second
 * @param spare names of columns that are left out, one after the other, before a text is cut
 */
export function formatTable(
  rows: readonly Row[],
  screen: Pick<Screen, 'isTerminal' | 'columns' | 'hasColor'>,
  head: Row = [],
  spare: Row = [],
): string {
  const lines = rows.map((row) => row.map(onOneLine));
  const all = head.length > 0 ? [head, ...lines] : lines;
  if (!screen.isTerminal) return all.map((row) => row.join('\t')).join('\n');
  const { columns } = screen;
  for (let left = 0; left <= spare.length; left += 1) {
    const isKept = (_: string, index: number): boolean =>
      !spare.slice(0, left).includes(head[index] ?? '');
    const [names, kept] = [head.filter(isKept), all.map((row) => row.filter(isKept))];
    const widths = widthsWithin(columns, kept, (cell, index) =>
      left < spare.length || isQuantity(cell) || names[index] === cell ? Infinity : leastText,
    );
    if (widths !== undefined) return alignedTable(kept, widths, screen, names);
  }
  if (head.length > 0) {
    return lines
      .map((row) => row.map((cell, index) => [head[index] ?? '', cell]))
      .map((pairs) => formatTable(pairs, screen))
      .join('\n\n');
  }
  return alignedTable(all, widthsWithin(columns, all, () => 1) ?? [], screen, head);
}

/** The text without escape sequences; a space for each tab, line break and other control character. */
export function onOneLine(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/\s*[\p{Cc}\p{Zl}\p{Zp}]+\s*/gu, ' ');
}

/** True for a count, an average, a duration or a date: cut, it would be another. */
function isQuantity(cell: string): boolean {
  return /^[-−±$]?\d/.test(cell);
}

/**
 * The width of each column in a table that is as wide as `available` at most: the widest give way.
 * @param leastOf how much of a cell has to be left, where the cell is longer
 * @returns undefined when there is less room
 */
function widthsWithin(
  available: number,
  rows: readonly Row[],
  leastOf: (cell: string, index: number) => number,
): readonly number[] | undefined {
  const widths: number[] = [];
  const least: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      const width = stringWidth(cell);
      widths[index] = Math.max(widths[index] ?? 0, width);
      least[index] = Math.max(least[index] ?? 0, Math.min(width, leastOf(cell, index)));
    }
  }
  let excess = widths.reduce((sum, width) => sum + width + gap.length, -gap.length) - available;
  for (; excess > 0; excess -= 1) {
    let widest: number | undefined;
    for (const [index, width] of widths.entries()) {
      if (width > least[index]! && (widest === undefined || width > widths[widest]!)) {
        widest = index;
      }
    }
    if (widest === undefined) return undefined;
    widths[widest]! -= 1;
  }
  return widths;
}

function alignedTable(
  rows: readonly Row[],
  widths: readonly number[],
  screen: Pick<Screen, 'hasColor'>,
  head: Row,
): string {
  // Numbers stand below each other by their ends.
  const areNumbers = widths.map(
    (_, index) =>
      head.length > 0 &&
      rows.slice(1).every((row) => /^(?:–|-?[\d,.]+(?:e[+-]?\d+)?)$/.test(row[index] ?? '–')),
  );
  const lines = rows.map((row) =>
    row.map((cell, index) => {
      const width = widths[index] ?? 0;
      const text = cutText(cell, width);
      const padding = ' '.repeat(Math.max(0, width - stringWidth(text)));
      const label = head.length > 0 ? head[index] : index > 0 ? row[0] : undefined;
      const painted = label === 'status' ? paintStatus(screen, text) : text;
      return areNumbers[index] === true ? padding + painted : painted + padding;
    }),
  );
  return lines.map((line) => line.join(gap).trimEnd()).join('\n');
}

const statusStyles = {
  started: 'unsettled',
  completed: 'good',
  failed: 'bad',
  cancelled: 'unsettled',
} as const satisfies Record<RunStatus, Parameters<typeof paint>[1]>;

function paintStatus(screen: Pick<Screen, 'hasColor'>, text: string): string {
  return Object.hasOwn(statusStyles, text)
    ? paint(screen, statusStyles[text as RunStatus], text)
    : text;
}

const graphemes = new Intl.Segmenter();

/** The text within so many columns of a terminal, where a character may take two or none. */
export function cutText(text: string, columns: number): string {
  if (stringWidth(text) <= columns) return text;
  let kept = '';
  let left = columns - 1;
  for (const { segment } of graphemes.segment(text)) {
    left -= stringWidth(segment);
    if (left < 0) break;
    kept += segment;
  }
  return `${kept}…`;
}
