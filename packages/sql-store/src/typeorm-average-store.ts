import type { Average, AverageStore, RunAverage, RunId } from '@stepcompute/core';
import {
  completeAverage,
  refuseOtherAverage,
  type AverageFigures,
} from '@stepcompute/core/adapters';
import type { DataSource } from 'typeorm';
import { execute } from './execute.js';
import { patiently } from './patiently.js';
import { tablesOf, type Tables } from './tables.js';
import { doubleOf, doubleText } from './texts.js';

/** An average's figures under the names of their columns, as JSON takes them. */
interface Row {
  readonly averaging: string | null;
  readonly count: number;
  readonly mean: number;
  readonly standard_deviation: number | null;
  readonly minimum: number;
  readonly maximum: number;
}

/** The same as statements answer with them. */
type Texts = { readonly [Figure in keyof Row]: string | (null & Row[Figure]) };

const figures = 'count, mean, standard_deviation, minimum, maximum, averaging';

/** The columns' names with their texts, of a table under a name. */
const textsOf = (table: string): readonly (readonly [keyof Row, string])[] => [
  ['averaging', `${table}.averaging`],
  ['count', `${table}.count::text`],
  ['mean', doubleText(`${table}.mean`)],
  ['standard_deviation', doubleText(`${table}.standard_deviation`)],
  ['minimum', doubleText(`${table}.minimum`)],
  ['maximum', doubleText(`${table}.maximum`)],
];

/** $2 has the averages, that of the first measure without a name. All of them are stored, or none. */
const insertStatement = ({ average, measureAverage }: Tables): string => `
  WITH offered AS (
    SELECT * FROM json_to_recordset($2::json) AS figures (
      measure text, averaging text, count integer, mean double precision,
      standard_deviation double precision, minimum double precision, maximum double precision
    )
  ), first AS (
    INSERT INTO ${average} (run_id, ${figures})
    SELECT $1::integer, ${figures} FROM offered WHERE measure IS NULL
    ON CONFLICT DO NOTHING
    RETURNING run_id
  )
  INSERT INTO ${measureAverage} (run_id, measure, ${figures})
  SELECT first.run_id, measure, ${figures} FROM first, offered WHERE measure IS NOT NULL`;

/** So many of the longest averages of 64 measures fit an answer of the Data API, 1 MiB. */
const averagesPerStatement = 40;

/** From the count $2 on. */
const readStatement = ({ average, measureAverage }: Tables): string => `
  SELECT ${textsOf('a')
    .map(([name, text]) => `${text} AS ${name}`)
    .join(', ')}, (
    SELECT json_agg(json_build_object(
      'measure', m.measure, ${textsOf('m')
        .map(([name, text]) => `'${name}', ${text}`)
        .join(', ')}
    ) ORDER BY m.measure)::text
    FROM ${measureAverage} m WHERE m.run_id = $1 AND m.count = a.count
  ) AS more
  FROM ${average} a WHERE a.run_id = $1 AND a.count >= $2
  ORDER BY a.count LIMIT $3`;

/** Averages in the tables `stepcompute_average`, and `stepcompute_measure_average` for measures after the first. */
export class TypeOrmAverageStore implements AverageStore {
  constructor(private readonly dataSource: DataSource) {}

  save(id: RunId, average: RunAverage): Promise<RunAverage> {
    return patiently(this.dataSource, async () => {
      const { more = {}, ...first } = average;
      const rows = [
        rowOf(first),
        ...Object.entries(more).map(([measure, each]) => ({ measure, ...rowOf(each) })),
      ];
      const statement = insertStatement(tablesOf(this.dataSource));
      await execute(this.dataSource, statement, [id, JSON.stringify(rows)]);
      const [kept = average] = await this.#read(id, average.count, 1);
      return refuseOtherAverage(id, kept, average);
    });
  }

  history(id: RunId): Promise<readonly RunAverage[]> {
    return patiently(this.dataSource, async () => {
      const history: RunAverage[] = [];
      for (let from = 0; ;) {
        const page = await this.#read(id, from, averagesPerStatement);
        history.push(...page);
        const last = page.at(-1);
        if (last === undefined || page.length < averagesPerStatement) return history;
        from = last.count + 1;
      }
    });
  }

  async #read(id: RunId, from: number, limit: number): Promise<RunAverage[]> {
    const statement = readStatement(tablesOf(this.dataSource));
    const { records } = await execute(this.dataSource, statement, [id, from, limit]);
    return (records as (Texts & { more: string | null })[]).map(({ more, ...row }) => {
      const average = averageOf(row);
      if (more === null) return average;
      const rows = JSON.parse(more) as (Texts & { measure: string })[];
      return {
        ...average,
        more: Object.fromEntries(rows.map((each) => [each.measure, averageOf(each)])),
      };
    });
  }
}

function rowOf({ method, count, mean, standardDeviation, minimum, maximum }: AverageFigures): Row {
  return {
    averaging: method,
    count,
    mean,
    standard_deviation: standardDeviation,
    minimum,
    maximum,
  };
}

function averageOf(row: Texts): Average {
  const { averaging: method, standard_deviation: deviation } = row;
  return completeAverage({
    method,
    count: Number(row.count),
    mean: doubleOf(row.mean),
    standardDeviation: deviation === null ? null : doubleOf(deviation),
    minimum: doubleOf(row.minimum),
    maximum: doubleOf(row.maximum),
  });
}
