import type { Average, RunComparison, RunStatus } from '@stepcompute/core';
import { scenarioOf, type ExperimentReading, type Grid } from '../reading/experiment-reading.js';
import type { RunReading, RunSummary } from '../reading/run-reading.js';
import { count, figure, interval, isolated, short } from './format.js';
import { html, type Content, type Html } from './html.js';
import { page } from './page.js';
import { command, figureOf, heading, number, table, text } from './parts.js';
import type { NamedInterval, Plots } from './plots.js';
import { runParts, type PageSetting } from './run.js';

/** A page for an experiment, with a part for each scenario that was read. */
export function experimentPage(
  name: string,
  experiment: ExperimentReading,
  scenarios: readonly RunReading[],
  setting: PageSetting,
): string {
  const { plots, place } = setting;
  const title = `Experiment ${isolated(name)}`;
  return page(
    title,
    html`${heading(1, title)}
      <p class="lead">${leadOf(experiment)}</p>
      ${experiment.measures.length < experiment.measureCount && html`<p>Shown of ${experiment.measureCount} measures: the first ${experiment.measures.length}. ${command('show RUN', place)} has all of a scenario.</p> `}
      ${heading(2, 'Scenarios')} ${scenarioTable(experiment)} ${navigation(scenarios)}
      ${experiment.measures.map((measure) => measurePart(measure, experiment, plots))}
      ${experiment.control !== undefined && differencesPart(experiment, plots)}
      ${scenarios.length < experiment.scenarios.length && html`<p>What follows is of the first ${scenarios.length} scenarios; ${command('report RUN', place)} makes a page of any other.</p> `}
      ${scenarios.map(
        (reading) =>
          html`<section>
            ${heading(2, html`Scenario <bdi>${scenarioOf(reading.run)}</bdi>`, anchorOf(reading))}${runParts(reading, setting, 3)}
          </section> `,
      )}`,
  );
}

function leadOf({ scenarios }: ExperimentReading): Content {
  const { length } = scenarios;
  const first = scenarios[0]?.run;
  const statuses = [...new Set(scenarios.map(({ run }) => run.status))];
  const countOf = (status: RunStatus): number =>
    scenarios.filter(({ run }) => run.status === status).length;
  return html`${length} ${length === 1 ? 'scenario' : 'scenarios'} of
    <bdi>${first?.generatorName}</bdi
    >${statuses.map((status) => html`, ${countOf(status)} <span class="${status}">${status}</span>`)}`;
}

function anchorOf({ run }: RunSummary): string {
  return `run-${run.id}`;
}

function navigation(scenarios: readonly RunSummary[]): Html {
  return html`<nav aria-label="Scenarios">
    <ul>
      ${scenarios.map(
        (each) =>
          html`<li>
            <a href="#${anchorOf(each)}"><bdi>${scenarioOf(each.run)}</bdi></a>
          </li> `,
      )}
    </ul>
  </nav> `;
}

function scenarioTable(experiment: ExperimentReading): Html {
  const { scenarios, measures } = experiment;
  const isOne = measures.length === 1;
  // More may have come since it was averaged.
  const isBehind = ({ ledger, averages }: RunSummary): boolean =>
    Object.values(averages ?? {}).some(({ count: averaged }) => averaged !== ledger.completed);
  const areBehind = scenarios.some(isBehind);
  const hasGoal = scenarios.some(({ run }) => run.precision !== undefined);
  const rows = measures.flatMap((measure) =>
    scenarios.flatMap(({ run, ledger, averages, precision }) => {
      if (!run.measures.includes(measure)) return [];
      const average = averages?.[measure];
      const reached = precision?.measure === measure ? precision : undefined;
      const row: Content[] = [
        html`<bdi>${scenarioOf(run)}</bdi>`,
        ...(isOne ? [] : [html`<bdi>${measure}</bdi>`]),
        figure(average?.mean, average?.standardError),
        interval(average?.confidenceInterval),
        figure(average?.standardDeviation),
        figure(average?.minimum, average?.standardDeviation),
        figure(average?.maximum, average?.standardDeviation),
        count(average?.count ?? ledger.completed),
        ...(areBehind ? [count(ledger.completed)] : []),
        ...(hasGoal ? [halfWidth(reached?.halfWidth), halfWidth(reached?.wanted)] : []),
        html`<span class="${run.status}">${run.status}</span>`,
        String(run.id),
      ];
      return [row];
    }),
  );
  return table(
    'Scenarios',
    [
      text('scenario'),
      ...(isOne ? [] : [text('measure')]),
      ...['average', '95 % interval', 'standard deviation', 'minimum', 'maximum', 'values'].map(
        number,
      ),
      ...(areBehind ? [number('stored by now')] : []),
      ...(hasGoal ? ['precision', 'asked for'].map(number) : []),
      text('status'),
      number('run'),
    ],
    rows,
  );
}

function halfWidth(value: number | null | undefined): Html {
  return typeof value === 'number' ? html`±${figure(value)}` : html`–`;
}

/** So many intervals can be told from each other. */
const mostDrawn = 100;

function measurePart(measure: string, { scenarios, grid }: ExperimentReading, plots: Plots): Html {
  const own = scenarios.flatMap(({ run, averages }, place) =>
    run.measures.includes(measure)
      ? [{ name: scenarioOf(run), average: averages?.[measure], place: grid?.places[place] }]
      : [],
  );
  const rows = own.map(({ name, average }) => ({
    name,
    value: average?.mean ?? NaN,
    interval: average?.confidenceInterval ?? null,
  }));
  const title = heading(2, `Measure ${measure}`);
  if (rows.every(({ value }) => Number.isNaN(value))) {
    return html`${title}
      <p>No scenario has an average.</p> `;
  }
  const caption = `Averages of ${measure}, with their 95 % intervals`;
  const description = describeRows(rows);
  const onGrid = own.flatMap(({ average, place }) =>
    place === undefined ? [] : [{ average, place }],
  );
  return html`${title}
    <div class="plots wide">
      ${grid !== undefined && gridFigure(measure, grid, onGrid, plots)}
      ${figureOf(
        caption,
        plots.intervals({ title: caption, description }, rows.slice(0, mostDrawn)),
        description,
        intervalTable(caption, 'average', rows),
      )}
    </div> `;
}

function intervalTable(caption: string, label: string, rows: readonly NamedInterval[]): Html {
  return table(
    caption,
    [text('scenario'), number(label), number('95 % interval')],
    rows.map(({ name, value, interval: ends }) => [
      html`<bdi>${name}</bdi>`,
      figure(value, ends && ends[1] - ends[0]),
      interval(ends),
    ]),
  );
}

function describeRows(rows: readonly NamedInterval[]): string {
  const averaged = rows.filter(({ value }) => !Number.isNaN(value));
  const lowest = averaged.reduce((a, b) => (b.value < a.value ? b : a));
  const highest = averaged.reduce((a, b) => (b.value > a.value ? b : a));
  const range = highest.value - lowest.value;
  const textOf = ({ name, value }: NamedInterval): string =>
    `${short(value, range)} (${isolated(name)})`;
  const all =
    averaged.length === 1
      ? `${textOf(lowest)}.`
      : range === 0
        ? `All averages are ${short(lowest.value)}.`
        : `From ${textOf(lowest)} to ${textOf(highest)}.`;
  const lacking = rows.filter(({ value }) => Number.isNaN(value)).map(({ name }) => isolated(name));
  const some = lacking.length > 3 ? `${lacking.length} scenarios` : lacking.join(', ');
  const lack = lacking.length > 0 ? ` Without an average: ${some}.` : '';
  const drawn =
    rows.length > mostDrawn ? ` The first ${mostDrawn} of ${rows.length} are drawn.` : '';
  return `${all}${lack}${drawn}`;
}

function gridFigure(
  measure: string,
  { parameters }: Grid,
  places: readonly {
    readonly place: Grid['places'][number];
    readonly average: Average | undefined;
  }[],
  plots: Plots,
): Html {
  const [x, y] = parameters;
  const rows = places.map(({ place, average }) => [
    ...place.map(String),
    figure(average?.mean, average?.standardError),
    interval(average?.confidenceInterval),
  ]);
  const caption = `Average of ${measure} by ${parameters.join(' and ')}`;
  const means = places.flatMap(({ average }) => average?.mean ?? []);
  const [least, greatest] = [Math.min(...means), Math.max(...means)];
  const range = greatest - least;
  const shown = y === undefined ? ', with their 95 % intervals.' : '; the darker, the higher.';
  const gaps = means.length < places.length ? ' Gaps have no average.' : '';
  const description =
    range === 0
      ? `All averages are ${short(least)}.${gaps}`
      : `Averages from ${short(least, range)} to ${short(greatest, range)}${shown}${gaps}`;
  const words = { title: caption, description };
  const plot =
    y === undefined
      ? plots.line(
          words,
          x,
          places
            .map(({ place, average }) => ({
              at: Number(place[0]),
              value: average?.mean ?? NaN,
              interval: average?.confidenceInterval ?? null,
            }))
            .sort((a, b) => a.at - b.at),
        )
      : plots.heatMap(
          words,
          [x, y],
          places.map(({ place, average }) => ({
            x: place[0]!,
            y: place[1]!,
            value: average?.mean ?? NaN,
          })),
        );
  return figureOf(
    caption,
    plot,
    description,
    table(caption, [...parameters.map(text), number('average'), number('95 % interval')], rows),
  );
}

function differencesPart(
  { scenarios, measures: shown, control, compared, refusal }: ExperimentReading,
  plots: Plots,
): Html {
  const title = heading(2, html`Differences from <bdi>${control}</bdi>`);
  if (refusal !== undefined)
    return html`${title}
      <p>Nothing is compared: ${refusal}.</p> `;
  if (compared === undefined) {
    return html`${title}
      <p>There is nothing to compare before this scenario and another one are completed.</p> `;
  }
  const names = new Map(scenarios.map(({ run }) => [run.id, scenarioOf(run)]));
  const { comparisons } = compared;
  const measures = shown.filter((name) => comparisons.some(({ measure }) => measure === name));
  return html`${title}
    <p>
      Each is the mean of the scenario less the control’s, over the iterations that both have where
      they are paired. The intervals of a measure hold with 95 % all together. The variance ratio is
      how many times as many iterations runs of their own seeds would need.
    </p>
    <div class="plots wide">
      ${measures.map((measure) => {
        const own = comparisons.filter((each) => each.measure === measure);
        const rows = own.map(({ run, difference, simultaneousInterval }) => ({
          name: names.get(run) ?? '',
          value: difference,
          interval: simultaneousInterval,
        }));
        const caption = `Differences of ${measure} from ${isolated(control!)}`;
        const described = own.filter(({ isDistinguishable }) => isDistinguishable).length;
        const drawn = rows.length > mostDrawn ? ` The first ${mostDrawn} are drawn.` : '';
        const description = `${described} of ${own.length} are distinguishable from no difference, the dashed line.${drawn}`;
        return figureOf(
          caption,
          plots.intervals({ title: caption, description }, rows.slice(0, mostDrawn), 0),
          description,
          comparisonTable(caption, own, names),
        );
      })}
    </div> `;
}

function comparisonTable(
  caption: string,
  comparisons: readonly RunComparison[],
  names: ReadonlyMap<number, string>,
): Html {
  const areLeftOut = comparisons.some(({ leftOut }) => (leftOut ?? 0) > 0);
  return table(
    caption,
    [
      text('scenario'),
      number('difference'),
      number('95 % interval, all together'),
      number('variance ratio'),
      number('pairs'),
      ...(areLeftOut ? [number('left out')] : []),
      text('verdict'),
    ],
    comparisons.map((each) => [
      html`<bdi>${names.get(each.run)}</bdi>`,
      figure(each.difference),
      interval(each.simultaneousInterval),
      figure(each.varianceRatio),
      each.pairs === null ? '–' : count(each.pairs),
      ...(areLeftOut ? [each.leftOut === null ? '–' : count(each.leftOut)] : []),
      verdictOf(each),
    ]),
  );
}

function verdictOf({ difference, isDistinguishable }: RunComparison): string {
  if (!isDistinguishable) return 'not distinguishable';
  return difference > 0 ? 'higher' : 'lower';
}
