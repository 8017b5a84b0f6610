import { extname } from 'node:path';
import { InvalidInputError, messageOf } from '@stepcompute/core';
import papaparse from 'papaparse';
import { isSeq, LineCounter, parseDocument, visit } from 'yaml';
import { exactInteger, parseJsonFile } from '../json.js';
import { readTextFile } from '../text-file.js';
import {
  isWithinLimit,
  parseScenarioName,
  refuseCount,
  refuseRepeatedNames,
  type Design,
  type DesignRow,
} from './design.js';
import { gridOf, type Variation } from './grid.js';

const option = 'the design';

/** The readers of designs, by the ends of their files' names. */
const readers: Readonly<Record<string, (text: string, file: string) => Design>> = {
  '.csv': designOfCsv,
  '.json': designOfJson,
  '.yaml': designOfYaml,
  '.yml': designOfYaml,
};

/**
 * The design that is asked for, of a file or of variations.
 * @throws InvalidInputError
 */
export async function designOf(
  file: string | undefined,
  variations: readonly Variation[],
): Promise<Design> {
  if ((file === undefined) === (variations.length === 0)) {
    throw new InvalidInputError(option, 'given either by a file or by --vary', file);
  }
  return file === undefined ? gridOf(variations) : readDesign(file);
}

/**
 * Reads a design from a file: of CSV (RFC 4180), with a header, a column `name` and one for each
 * parameter, where an empty cell leaves the simulation its default; of JSON or YAML, an array of objects
 * with `name` and the parameters.
 * @throws InvalidInputError naming the place in the file
 */
async function readDesign(file: string): Promise<Design> {
  const read = readers[extname(file).toLowerCase()];
  if (read === undefined) {
    throw new InvalidInputError(option, 'a file .csv, .json, .yaml or .yml', file);
  }
  return refuseRepeatedNames(read(await readTextFile(option, file), file));
}

interface CsvRow {
  /** The row's first, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

function designOfCsv(text: string, file: string): Design {
  const { rows, count } = rowsOfCsv(text, file);
  const [header, ...others] = rows;
  if (header === undefined) throw new InvalidInputError(file, 'of a header and rows', text);
  const names = header.cells;
  const place = `${file}, line ${header.line}: the header`;
  const repeated = names.find((name, index) => names.indexOf(name) < index);
  if (repeated !== undefined)
    throw new InvalidInputError(place, 'of columns that differ', repeated);
  if (!names.includes('name') || names.includes('')) {
    throw new InvalidInputError(
      place,
      'of a column name and one for each parameter, with commas between',
      names.join(),
    );
  }
  refuseCount(file, count - 1);
  return others.map(({ line, cells }) => {
    const row = `${file}, line ${line}`;
    if (cells.length !== names.length) {
      throw new InvalidInputError(row, `of ${names.length} cells, as the header is`, cells.length);
    }
    const name = parseScenarioName(cells[names.indexOf('name')], row);
    const texts = names
      .map((column, index) => ({ name: column, text: cells[index]! }))
      .filter((cell) => cell.name !== 'name' && cell.text !== '');
    return { name, place: row, texts };
  });
}

/** The header, as many rows as a design may have, and the count of all; blank lines are none. */
function rowsOfCsv(text: string, file: string): { rows: readonly CsvRow[]; count: number } {
  // Line ends of any system are one, in quotes too, as YAML has it.
  const lines = text.replace(/\r\n?/g, '\n');
  const rows: CsvRow[] = [];
  let count = 0;
  let line = 1;
  let read = 0;
  papaparse.parse<string[]>(lines, {
    delimiter: ',',
    newline: '\n',
    step: ({ data: cells, errors: [error], meta: { cursor } }) => {
      if (error !== undefined) {
        throw new InvalidInputError(
          `${file}, line ${line}`,
          `of CSV (${error.message})`,
          lineOf(lines, line),
        );
      }
      if (cells.length > 1 || cells[0] !== '') {
        if (count === 0 || isWithinLimit(count - 1)) rows.push({ line, cells });
        count += 1;
      }
      for (; read < cursor; read += 1) if (lines[read] === '\n') line += 1;
    },
  });
  return { rows, count };
}

function designOfJson(text: string, file: string): Design {
  const entries = parseJsonFile(text, option, file);
  if (!Array.isArray(entries)) throw noArray(file, entries);
  refuseCount(file, entries.length);
  return entries.map((entry, index) => rowOf(entry, `${file}, entry ${index + 1}`));
}

function designOfYaml(text: string, file: string): Design {
  const lines = new LineCounter();
  const placeAt = (offset = 0) => `${file}, line ${lines.linePos(offset).line}`;
  return readable(file, () => {
    const document = parseDocument(text, {
      version: '1.2',
      schema: 'core',
      resolveKnownTags: false,
      intAsBigInt: true,
      lineCounter: lines,
      prettyErrors: false,
      logLevel: 'error',
    });
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) {
      const { line } = lines.linePos(problem.pos[0]);
      const expected = `of YAML 1.2’s core schema (${problem.message})`;
      throw new InvalidInputError(`${file}, line ${line}`, expected, lineOf(text, line));
    }
    const { contents } = document;
    if (!isSeq(contents)) throw noArray(file, document.toJS());
    refuseCount(file, contents.items.length);
    visit(document, {
      Scalar: (_key, node) => {
        if (typeof node.value !== 'bigint') return;
        node.value = exactInteger(node.value, placeAt(node.range?.[0]));
      },
    });
    // Aliases are not expanded here, and what they would come to is limited where it becomes parameters.
    const entries = document.toJS({ maxAliasCount: -1 }) as unknown[];
    return contents.items.map((node, index) => rowOf(entries[index], placeAt(node.range[0])));
  });
}

/** @throws InvalidInputError when the library fails, as it does at text that is nested too deep */
function readable<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof InvalidInputError) throw cause;
    const expected = `a file of YAML 1.2 (${messageOf(cause)})`;
    throw new InvalidInputError(option, expected, file, { cause });
  }
}

/** @param line from 1 */
function lineOf(text: string, line: number): string {
  return text.split('\n', line).at(-1) ?? '';
}

function noArray(file: string, content: unknown): InvalidInputError {
  return new InvalidInputError(file, 'an array of scenarios, each with a name', content);
}

function rowOf(entry: unknown, place: string): DesignRow {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    throw new InvalidInputError(place, 'an object of a name and parameters', entry);
  }
  const { name, ...values } = entry as Record<string, unknown>;
  return { name: parseScenarioName(name, place), place, values };
}
