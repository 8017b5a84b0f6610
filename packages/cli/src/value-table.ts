import type { Json, Run, Stores } from '@stepcompute/core';
import type { ValueColumns } from '@stepcompute/core/adapters';

export type Cell = number | boolean | string | null;

/** Some of a run's values, in iteration order. */
export interface RunValues {
  readonly run: Run;
  readonly values: ValueColumns;
}

/** A column of a table that has a row for each iteration. */
export interface Column {
  readonly name: string;
  /** Of all cells but null; an integer has 32 bits. */
  readonly type: 'integer' | 'number' | 'boolean' | 'text';
  /** True when it is null in one of the runs. */
  readonly hasNull: boolean;
  /** Its cells in the rows of these values: one that all of them share, or one for each. */
  readonly cellsOf: (values: RunValues) => Cell | ArrayLike<number>;
}

/** The stored values of the runs, one run after the other. */
export async function* valuesOf(
  { values: store }: Pick<Stores, 'values'>,
  runs: readonly Run[],
): AsyncGenerator<RunValues, void> {
  for (const run of runs) {
    for await (const values of store.scan(run.id)) yield { run, values };
  }
}

/**
 * Iterations and measures, the scenario before them where it is named: the columns of csv
 * (docs/decisions/0008-csv-without-header.md).
 */
export function plainColumns(runs: readonly Run[], isNamed: boolean): readonly Column[] {
  const measures = namesIn(runs, ({ measures }) => measures);
  return [
    ...(isNamed ? [scenarioColumn(runs)] : []),
    iterationColumn,
    ...measures.map((name) => measureColumn(name, name, runs)),
  ];
}

/**
 * A tidy table: all that a value depends on, and the value, are columns (docs/values.md). Parameters and
 * measures that not all runs have are null in the others.
 */
export function tidyColumns(runs: readonly Run[]): readonly Column[] {
  const hasCode = runs.some(({ simulation }) => simulation.length > 1);
  const ours = [runColumn, scenarioColumn(runs), iterationColumn, ...(hasCode ? [codeColumn] : [])];
  const taken = new Set(ours.map(({ name }) => name));
  const freeName = (name: string, prefix: string): string => {
    let free = name;
    // SQL tells no names apart by case.
    while (taken.has(free.toLowerCase())) free = prefix + free;
    taken.add(free.toLowerCase());
    return free;
  };
  const measures = namesIn(runs, ({ measures }) => measures).map((name) =>
    measureColumn(name, freeName(name, 'measure_'), runs),
  );
  const parameters = namesIn(runs, ({ parameters }) => Object.keys(parameters))
    .toSorted()
    .map((name) => parameterColumn(name, freeName(name, 'parameter_'), runs));
  return [...ours, ...parameters, ...measures];
}

function namesIn(runs: readonly Run[], namesOf: (run: Run) => readonly string[]): string[] {
  return [...new Set(runs.flatMap(namesOf))];
}

const runColumn: Column = {
  name: 'run',
  type: 'integer',
  hasNull: false,
  cellsOf: ({ run }) => run.id,
};

const iterationColumn: Column = {
  name: 'iteration',
  type: 'integer',
  hasNull: false,
  cellsOf: ({ values }) => values.iterationIds,
};

const codeColumn: Column = {
  name: 'code',
  type: 'integer',
  hasNull: false,
  cellsOf: ({ values }) => values.codes ?? 0,
};

function scenarioColumn(runs: readonly Run[]): Column {
  return {
    name: 'scenario',
    type: 'text',
    hasNull: runs.some(({ scenario }) => scenario === undefined),
    cellsOf: ({ run }) => run.scenario ?? null,
  };
}

function measureColumn(measure: string, name: string, runs: readonly Run[]): Column {
  return {
    name,
    type: 'number',
    hasNull: runs.some(({ measures }) => !measures.includes(measure)),
    cellsOf: ({ run, values }) => {
      const place = run.measures.indexOf(measure);
      return place < 0 ? null : place === 0 ? values.values : values.more![place - 1]!;
    },
  };
}

/** Numbers, truth values or texts where all runs have such a one; else each as its JSON text. */
function parameterColumn(parameter: string, name: string, runs: readonly Run[]): Column {
  const jsonOf = ({ parameters }: Run): Json =>
    Object.hasOwn(parameters, parameter) ? parameters[parameter]! : null;
  const kinds = new Set(runs.map(jsonOf).flatMap((json) => (json === null ? [] : [typeof json])));
  const [kind = 'string'] = kinds;
  const isScalar = kinds.size < 2 && kind !== 'object';
  return {
    name,
    type: isScalar && kind !== 'string' ? (kind as 'number' | 'boolean') : 'text',
    hasNull: runs.some((run) => jsonOf(run) === null),
    cellsOf: ({ run }) => {
      const json = jsonOf(run);
      return isScalar ? (json as Cell) : json === null ? null : JSON.stringify(json);
    },
  };
}
