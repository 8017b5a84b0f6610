import {
  InvalidInputError,
  RunId,
  RunParameters,
  runStatuses,
  type Average,
  type Run,
  type RunStatus,
  type Stores,
} from '@stepcompute/core';
import ms, { type StringValue } from 'ms';
import { declareCommand, option, withDefault } from '../command.js';
import { withStores } from '../databases.js';
import { formatCount, formatNumber } from '../format.js';
import { givenParameters } from '../given-parameters.js';
import {
  databaseOption,
  experimentOption,
  jsonOption,
  labelOption,
  onOption,
  parameterOption,
  parseWholeNumber,
  verboseOption,
} from '../options.js';
import { formatTable } from '../table.js';

export const listCommand = declareCommand({
  name: 'list',
  description: 'list the newest runs, or those of them that are asked for',
  arguments: {},
  options: {
    limit: withDefault(
      option('--limit <count>', 'how many runs', (text) =>
        parseWholeNumber(text, 'limit', 1, Number.MAX_SAFE_INTEGER),
      ),
      20,
    ),
    status: option(
      '--status <status>',
      `runs with this status: ${runStatuses.join(', ')}`,
      parseStatus,
    ),
    generatorName: option(
      '--simulation <name>',
      'runs of the simulation that is listed under this name',
      (text) => text,
    ),
    label: labelOption('runs with this label'),
    experiment: experimentOption('runs of this experiment'),
    parameters: parameterOption('runs with this parameter, as often as needed: JSON, or else text'),
    since: option(
      '--since <when>',
      'runs started since then: a time in UTC such as 2026-11-26 or 2026-11-26T18:30, or so long ago, as in 2h',
      parseSince,
    ),
    db: databaseOption(),
    on: onOption(),
    json: jsonOption('print a JSON array'),
    verbose: verboseOption,
  },
  help: `
Examples:
  $ stepcompute list
  $ stepcompute list --limit 5 --json
  $ stepcompute list --status failed --since 7d
  $ stepcompute list --label nightly --param strike=110
  $ stepcompute list --experiment strikes`,
  action: (options, { terminal, interruption }) => {
    const { limit, status, generatorName, label, experiment, since, db, on } = options;
    const { parameters: given } = options;
    return withStores({ db, on }, interruption, async (stores) => {
      const parameters = await givenParameters({ parameters: undefined }, given, undefined);
      const asked = { status, generatorName, label, experiment, since };
      // No store has more runs than ids.
      const filter = { ...asked, parameters, limit: Math.min(limit, RunId.maximum) };
      const runs = await stores.runs.list(filter);
      const averages = await latestAverages(runs, stores);
      if (terminal.wantsJson) {
        const rows = runs.map((run, index) => ({
          runId: run.id,
          status: run.status,
          repetitions: run.repetitions,
          seed: run.seed,
          generator: run.generatorName,
          label: run.label ?? null,
          experiment: run.experiment ?? null,
          experimentKey: run.experimentKey ?? null,
          scenario: run.scenario ?? null,
          parameters: run.parameters,
          count: averages[index]?.count ?? null,
          average: averages[index]?.mean ?? null,
          startedAt: run.startedAt,
          finishedAt: run.finishedAt ?? null,
        }));
        terminal.print(JSON.stringify(rows));
      } else if (runs.length === 0) {
        const isAsked = given.length > 0 || Object.values(asked).some((each) => each !== undefined);
        terminal.note(isAsked ? 'There are no such runs.' : 'There are no runs yet.');
      } else {
        // A column in which no run has anything says nothing.
        const extra = optionalColumns.filter(([, textOf]) => runs.some(textOf));
        const rows = runs.map((run, index) => [
          String(run.id),
          run.status,
          formatCount(run.repetitions),
          formatNumber(averages[index]?.mean ?? null, averages[index]?.standardError),
          String(run.seed),
          run.startedAt.toISOString(),
          ...extra.map(([, textOf]) => textOf(run) ?? ''),
          run.generatorName,
          cut(RunParameters.text(run.parameters)),
        ]);
        const head = ['run', 'status', 'repetitions', 'average', 'seed', 'started'];
        head.push(...extra.map(([name]) => name), 'simulation', 'parameters');
        terminal.print(formatTable(rows, terminal.screen, head));
      }
    });
  },
});

const optionalColumns: readonly (readonly [string, (run: Run) => string | undefined])[] = [
  ['label', ({ label }) => label],
  ['experiment', ({ experiment }) => experiment],
  // Without one, it is the name.
  ['key', ({ experiment, experimentKey: key }) => (key === experiment ? undefined : key)],
  ['scenario', ({ scenario }) => scenario],
];

function parseStatus(text: string): RunStatus {
  const status = runStatuses.find((each) => each === text);
  if (status !== undefined) return status;
  throw new InvalidInputError('status', `one of ${runStatuses.join(', ')}`, text);
}

/** A date, with or without a time, in UTC unless it says otherwise; or a span of time until now. */
function parseSince(text: string): Date {
  const [, date, clock = '00:00', zone = 'Z'] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(text) ??
    [];
  const isSpan = /^\d+(\.\d+)? ?[a-z]+$/i.test(text);
  const time = isSpan
    ? Date.now() - ms(text as StringValue)
    : Date.parse(`${date}T${clock}${zone}`);
  const since = new Date(time);
  if (!Number.isNaN(since.getTime())) return since;
  throw new InvalidInputError(
    'since',
    'a time such as 2026-11-26T18:30, or so long ago, as in 2h',
    text,
  );
}

/** As many statements at a time as a pool has connections. */
const atOnce = 10;

/** The average of each run, undefined where there is none yet; asked for a few runs at a time. */
export async function latestAverages(
  runs: readonly Run[],
  { averages }: Pick<Stores, 'averages'>,
): Promise<(Average | undefined)[]> {
  const latest: (Average | undefined)[] = [];
  for (let first = 0; first < runs.length; first += atOnce) {
    const histories = runs
      .slice(first, first + atOnce)
      .map(async ({ id }) => (await averages.history(id)).at(-1));
    latest.push(...(await Promise.all(histories)));
  }
  return latest;
}

/** So much of a run's parameters fits a line; `show` has all of them. */
const longestParameters = 200;

function cut(text: string): string {
  return text.length > longestParameters ? `${text.slice(0, longestParameters - 1)}…` : text;
}
