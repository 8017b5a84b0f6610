import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import type { Run, RunRequest } from '@stepcompute/core';
import { parseRunRequest, type ValueColumns } from '@stepcompute/core/adapters';
import fc from 'fast-check';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { times } from '../../../testing/exhaustive.js';
import { parquetOf } from '../src/parquet.js';
import { csvOf, jsonLinesOf } from '../src/value-formats.js';
import { tidyColumns, type Cell, type RunValues } from '../src/value-table.js';

interface Asked {
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly measures?: readonly string[];
  readonly scenario?: string;
  /** By iteration, each a number for each measure. */
  readonly values: readonly (readonly number[])[];
  /** How many values one look at the store answers. */
  readonly batch?: number;
  /** The code of each iteration. */
  readonly codes?: readonly number[];
}

/** A run with its values, which are all looked at `batch` at a time. */
function runOf(id: number, { parameters, measures = ['value'], scenario, codes }: Asked): Run {
  const request: RunRequest = { repetitions: 1, seed: 42, parameters, scenario };
  const run = parseRunRequest(request, { name: 'test', measures });
  const changed = codes === undefined ? [] : [{ version: 'changed' }];
  return {
    ...run,
    simulation: [...run.simulation, ...changed],
    id: id as Run['id'],
    status: 'completed',
    startedAt: new Date(0),
    finishedAt: new Date(1),
  };
}

async function* rowsOf(runs: readonly Run[], asked: readonly Asked[]): AsyncGenerator<RunValues> {
  await Promise.resolve();
  for (const [place, run] of runs.entries()) {
    const { values, batch = 3, codes } = asked[place]!;
    for (let first = 0; first < values.length; first += batch) {
      const rows = values.slice(first, first + batch);
      const [column = new Float64Array(), ...more] = run.measures.map((_, measure) =>
        Float64Array.from(rows, (row) => row[measure]!),
      );
      const columns: ValueColumns = {
        iterationIds: Int32Array.from(rows, (_, index) => first + index),
        values: column,
        more,
        ...(codes && { codes: Int16Array.from(codes.slice(first, first + batch)) }),
      };
      yield { run, values: columns };
    }
  }
}

async function written(content: AsyncIterable<string | Uint8Array>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of content) pieces.push(Buffer.from(piece as string));
  return Buffer.concat(pieces);
}

/** The rows of these runs, as all formats are to have them. */
async function formatsOf(asked: readonly Asked[]) {
  const runs = asked.map((each, index) => runOf(index + 1, each));
  const columns = tidyColumns(runs);
  const names = columns.map(({ name }) => name);
  const csv = await written(csvOf(columns, rowsOf(runs, asked), true));
  const jsonl = await written(jsonLinesOf(columns, rowsOf(runs, asked)));
  const parquet = await written(parquetOf(columns, rowsOf(runs, asked), runs));
  return { runs, columns, names, csv, jsonl, parquet };
}

function readParquet(parquet: Buffer): Promise<Record<string, unknown>[]> {
  return parquetReadObjects({ file: bytesOf(parquet) });
}

function bytesOf(parquet: Buffer): ArrayBuffer {
  return Uint8Array.from(parquet).buffer;
}

function readJsonLines(jsonl: Buffer): Record<string, unknown>[] {
  const text = jsonl.toString();
  if (text !== '') expect(text.endsWith('\n')).toBe(true);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('a tidy table', () => {
  it('has run, scenario and iteration, then all parameters, then all measures', async () => {
    const { names, csv, jsonl, parquet } = await formatsOf([
      {
        scenario: 'base',
        parameters: { strike: 100, kind: 'call', on: true },
        measures: ['payoff', 'delta'],
        values: [
          [1.5, 0.25],
          [0, 1e-300],
        ],
      },
      {
        scenario: 'other, "dear" ✓',
        parameters: { strike: 1e300, grid: { b: [1, 2] }, kind: '' },
        measures: ['payoff', 'delta'],
        values: [[5e-324, -1.7976931348623157e308]],
      },
    ]);
    expect(names.join()).toBe('run,scenario,iteration,grid,kind,on,strike,payoff,delta');
    expect(csv.toString()).toBe(
      'run,scenario,iteration,grid,kind,on,strike,payoff,delta\n' +
        '1,base,0,,call,true,100,1.5,0.25\n' +
        '1,base,1,,call,true,100,0,1e-300\n' +
        '2,"other, ""dear"" ✓",0,"{""b"":[1,2]}","",,1e+300,5e-324,-1.7976931348623157e+308\n',
    );
    const rows = [
      [1, 'base', 0, null, 'call', true, 100, 1.5, 0.25],
      [1, 'base', 1, null, 'call', true, 100, 0, 1e-300],
      [
        ...[2, 'other, "dear" ✓', 0, '{"b":[1,2]}', '', null, 1e300],
        ...[5e-324, -1.7976931348623157e308],
      ],
    ].map((row): unknown => Object.fromEntries(row.map((cell, place) => [names[place], cell])));
    expect(readJsonLines(jsonl)).toEqual(rows);
    expect(await readParquet(parquet)).toEqual(rows);
  });

  it.each<[what: string, asked: readonly Asked[], names: string]>([
    [
      'called like ours',
      [{ parameters: { run: 1, scenario: 2 }, measures: ['iteration', 'run'], values: [] }],
      'run,scenario,iteration,parameter_run,parameter_scenario,measure_iteration,measure_run',
    ],
    [
      'called like a measure',
      [{ parameters: { price: 1 }, measures: ['price'], values: [] }],
      'run,scenario,iteration,parameter_price,price',
    ],
    [
      'that differ by case alone, as SQL takes them for the same',
      [{ parameters: { Price: 1, RUN: 2, a: 3, A: 4 }, measures: ['price'], values: [] }],
      'run,scenario,iteration,A,parameter_Price,parameter_RUN,parameter_a,price',
    ],
    [
      'called like one with a prefix',
      [{ parameters: { run: 1, parameter_run: 2 }, values: [] }],
      'run,scenario,iteration,parameter_run,parameter_parameter_run,value',
    ],
    [
      'that an object has by itself',
      [
        { parameters: { constructor: 1 }, values: [] },
        { parameters: { toString: 'a' }, values: [] },
      ],
      'run,scenario,iteration,constructor,toString,value',
    ],
    [
      'that only some runs have',
      [
        { parameters: { a: 1 }, measures: ['x'], values: [] },
        { parameters: { b: 1 }, measures: ['y'], values: [] },
      ],
      'run,scenario,iteration,a,b,x,y',
    ],
  ])('gives names %s to one column each', async (_, asked, expected) => {
    const { names, parquet, csv } = await formatsOf(asked);
    expect([...names].sort()).toEqual(expected.split(',').sort());
    expect(csv.toString()).toBe(`${names.join(',')}\n`);
    expect(await readParquet(parquet)).toEqual([]);
  });

  it('has numbers, truth values and texts as such where all runs have them, and else JSON', async () => {
    const values = [[1]];
    const runs: Readonly<Record<string, unknown>>[] = [
      { number: 1, flag: true, text: '007', deep: [1], mixed: 1, none: null },
      { number: null, text: 'true', deep: { a: null }, mixed: '1', none: null },
      { number: -2.5, flag: false, text: '', mixed: false },
    ];
    const { columns, parquet, jsonl } = await formatsOf(
      runs.map((parameters) => ({ parameters, values })),
    );
    const typeOf = Object.fromEntries(columns.map(({ name, type }) => [name, type]));
    expect(typeOf).toEqual({
      ...{ run: 'integer', scenario: 'text', iteration: 'integer', value: 'number' },
      ...{ number: 'number', flag: 'boolean', text: 'text', deep: 'text' },
      ...{ mixed: 'text', none: 'text' },
    });
    const rows = [
      { number: 1, flag: true, text: '007', deep: '[1]', mixed: '1', none: null },
      { number: null, flag: null, text: 'true', deep: '{"a":null}', mixed: '"1"', none: null },
      { number: -2.5, flag: false, text: '', deep: null, mixed: 'false', none: null },
    ];
    expect(await readParquet(parquet)).toMatchObject(rows);
    expect(readJsonLines(jsonl)).toMatchObject(rows);
    const types = parquetMetadata(bytesOf(parquet)).schema.slice(1);
    expect(
      types.map(({ name, type, converted_type: converted }) => [name, type, converted]),
    ).toEqual([
      ['run', 'INT32', undefined],
      ['scenario', 'BYTE_ARRAY', 'UTF8'],
      ['iteration', 'INT32', undefined],
      ['deep', 'BYTE_ARRAY', 'UTF8'],
      ['flag', 'BOOLEAN', undefined],
      ['mixed', 'BYTE_ARRAY', 'UTF8'],
      ['none', 'BYTE_ARRAY', 'UTF8'],
      ['number', 'DOUBLE', undefined],
      ['text', 'BYTE_ARRAY', 'UTF8'],
      ['value', 'DOUBLE', undefined],
    ]);
  });

  it('tells which code a value is of where a run has accepted a changed one', async () => {
    const { names, parquet } = await formatsOf([
      { parameters: { code: 'a' }, values: [[1], [2]], codes: [0, 1] },
      { parameters: { code: 'b' }, values: [[3]] },
    ]);
    expect(names.join()).toBe('run,scenario,iteration,code,parameter_code,value');
    const codes = (await readParquet(parquet)).map(({ code, value }) => [code, value]);
    expect(codes).toEqual([
      [0, 1],
      [1, 2],
      [0, 3],
    ]);
  });

  it('of 64 measures keeps each', async () => {
    const measures = Array.from({ length: 64 }, (_, index) => `m${index}`);
    const values = Array.from({ length: 20_000 }, (_, row) =>
      measures.map((_, m) => row / (m + 1)),
    );
    const { parquet } = await formatsOf([{ measures, values, batch: 613 }]);
    const rows = await readParquet(parquet);
    expect(rows).toHaveLength(values.length);
    const others = values.filter((row, iteration) =>
      measures.some((measure, place) => rows[iteration]![measure] !== row[place]),
    );
    expect(others).toEqual([]);
  });
});

describe('a Parquet file', () => {
  it('has the records of its runs with it', async () => {
    const { parquet, runs } = await formatsOf([
      { scenario: 'a', parameters: { strike: 1 }, values: [[1]] },
      { scenario: 'b', values: [] },
    ]);
    const { key_value_metadata: pairs, created_by: maker } = parquetMetadata(bytesOf(parquet));
    expect(maker).toBe('stepcompute version 0.1.0');
    expect(pairs).toHaveLength(1);
    const { version, runs: records } = JSON.parse(pairs![0]!.value!) as {
      version: string;
      runs: unknown[];
    };
    expect([pairs![0]!.key, version]).toEqual(['stepcompute', '0.1.0']);
    const { simulation, measures, versions } = runs[0]!;
    expect(records).toMatchObject([
      {
        ...{ run: 1, seed: 42, generator: 'test', repetitions: 1, scenario: 'a' },
        ...{ parameters: { strike: 1 }, simulation, measures, versions, status: 'completed' },
      },
      { run: 2, scenario: 'b', parameters: {} },
    ]);
    expect(records[0]).not.toHaveProperty('idempotencyKey');
    expect(records[0]).not.toHaveProperty('experimentKey');
  });

  it('comes in row groups, in one of which small runs share a place', async () => {
    const some = Array.from({ length: 50 }, () => ({ values: [[1], [2]] }));
    const many = { values: Array.from({ length: 140_000 }, (_, row) => [row / 7]), batch: 10_000 };
    const { parquet } = await formatsOf([...some, many]);
    const { row_groups: groups, num_rows: all } = parquetMetadata(bytesOf(parquet));
    expect(all).toBe(140_100n);
    expect(groups.map(({ num_rows: rows }) => rows)).toEqual([131_072n, 9_028n]);
    const values = (await readParquet(parquet)).map(({ value }) => value);
    const expected = [...some, many].flatMap((asked) => asked.values.flat());
    expect(values).toHaveLength(expected.length);
    expect(values.findIndex((value, row) => value !== expected[row])).toBe(-1);
  });
});

describe('every format', () => {
  let folder: string;
  let connection: DuckDBConnection;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'stepcompute-formats-'));
    connection = await (await DuckDBInstance.create(':memory:')).connect();
  });
  afterAll(() => {
    connection.closeSync();
    rmSync(folder, { recursive: true, force: true });
  });

  const types = { integer: 'INTEGER', number: 'DOUBLE', boolean: 'BOOLEAN', text: 'VARCHAR' };

  async function query(sql: string): Promise<unknown[][]> {
    return (await connection.run(sql)).getRowsJson();
  }

  const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,4}$/);
  const clashing = fc.constantFrom('run', 'Scenario', 'iteration', 'value', 'a', 'A', 'valueOf');
  const text = fc.string({ unit: 'grapheme' }).filter((each) => !/\0|\p{Surrogate}/u.test(each));
  const number = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((each) => each + 0),
    fc.constantFrom(0, 1e-300, 1e300, 5e-324, -1.7976931348623157e308, 0.1, 2 ** 53),
  );
  const json = fc.oneof(number, fc.boolean(), text, fc.constant(null), fc.jsonValue());
  const experiment = fc
    .record({
      measures: fc.uniqueArray(fc.oneof(name, clashing), { minLength: 1, maxLength: 5 }),
      names: fc.uniqueArray(fc.oneof(name, clashing), { maxLength: 4 }),
    })
    .chain(({ measures, names }) =>
      fc.array(
        fc.record({
          measures: fc.constant(measures),
          scenario: fc.option(
            text.filter((each) => each !== '' && !/\p{Cc}/u.test(each)),
            { nil: undefined },
          ),
          parameters: fc
            .record(Object.fromEntries(names.map((each) => [each, json])), { requiredKeys: [] })
            .filter((each) => !/\\u0000|\\ud[89a-f]/i.test(JSON.stringify(each))),
          values: fc.array(
            fc.array(number, { minLength: measures.length, maxLength: measures.length }),
            { maxLength: 8 },
          ),
        }),
        { minLength: 1, maxLength: 4 },
      ),
    );

  it('says the same table, to DuckDB too', async () => {
    await fc.assert(
      fc.asyncProperty(experiment, async (asked) => {
        const { columns, csv, jsonl, parquet, runs } = await formatsOf(asked as Asked[]);
        const rows = await readParquet(parquet);
        expect(readJsonLines(jsonl)).toEqual(rows);
        const expected = asked.flatMap(({ values }, place) =>
          values.map((row, iteration): Cell[] => [runs[place]!.id, iteration, ...row]),
        );
        const measures = columns.slice(-runs[0]!.measures.length).map(({ name }) => name);
        expect(
          rows.map((row) => ['run', 'iteration', ...measures].map((each) => row[each])),
        ).toEqual(expected);
        const files = { csv, jsonl, parquet };
        for (const [format, bytes] of Object.entries(files)) {
          writeFileSync(join(folder, `values.${format}`), bytes);
        }
        const typed = columns.map(({ name, type }) => `'${name}': '${types[type]}'`).join(', ');
        const file = (format: string): string => `'${join(folder, `values.${format}`)}'`;
        const tables = {
          parquet: `read_parquet(${file('parquet')})`,
          csv: `read_csv(${file('csv')}, columns = {${typed}}, header = true, auto_detect = false,
            quote = '"', escape = '"', delim = ',', allow_quoted_nulls = false)`,
          jsonl: `read_json(${file('jsonl')}, columns = {${typed}}, format = 'newline_delimited')`,
        };
        const all = await query(`SELECT * FROM ${tables.parquet} ORDER BY run, iteration`);
        expect(all).toHaveLength(rows.length);
        expect(await query(`SELECT column_name FROM (DESCRIBE FROM ${tables.parquet})`)).toEqual(
          columns.map(({ name }) => [name]),
        );
        for (const other of [tables.csv, tables.jsonl]) {
          const ordered = await query(`SELECT * FROM ${other} ORDER BY run, iteration`);
          expect(ordered).toEqual(all);
        }
      }),
      { numRuns: times(60, 1000) },
    );
  });
});
