import { Fingerprint, warningOf, type Average, type Run } from '@stepcompute/core';
import {
  describeVersions,
  histogramEdges,
  type Histogram,
  type HistogramScale,
} from '@stepcompute/core/adapters';
import type { FailureGroup } from '../reading/failure-groups.js';
import type { Detail, RunningPoint } from '../reading/measure-shapes.js';
import type { MeasureReading, RunReading, RunSummary } from '../reading/run-reading.js';
import { count, counted, cut, figure, interval, isolated, share, short } from './format.js';
import { html, type Html } from './html.js';
import { page } from './page.js';
import { command, facts, figureOf, heading, number, table, text, type Level } from './parts.js';
import type { Bin, Plots, Step } from './plots.js';

/** The surroundings of a page. */
export interface PageSetting {
  readonly plots: Plots;
  /** The command's option for where the runs are. */
  readonly place: string | undefined;
}

/** A page for a run. */
export function runPage(reading: RunReading, setting: PageSetting): string {
  const { run } = reading;
  const title = `Run ${run.id} of ${isolated(run.generatorName)}`;
  return page(title, html`${heading(1, title)}${runParts(reading, setting, 2)}`);
}

/** The parts of a run, under headings of a level. */
export function runParts(reading: RunReading, { plots, place }: PageSetting, level: Level): Html {
  const { run, ledger, averages, failures } = reading;
  const below = Math.min(4, level + 1) as Level;
  const isOne = run.measures.length === 1;
  const { changed = 0 } = ledger;
  return html`${statusOf(reading)} ${heading(level, 'Figures')}
  ${averages === undefined ? html`<p>${reasonOfNone(reading)}</p> ` : figuresOf(reading)}
  ${precisionOf(reading)} ${quantilesOf(reading.measures)}
  ${reading.measures.map(
    (measure) =>
      html`${isOne ? heading(level, 'Distribution and convergence') : heading(below, `Measure ${measure.name}`)}${measurePlots(measure, reading.detail, plots)}`,
  )}
  ${heading(level, 'Ledger')}
  ${table(
    `Ledger of run ${run.id}`,
    [
      'requested',
      'completed',
      'failed',
      'missing',
      ...(changed > 0 ? ['of accepted code'] : []),
    ].map(number),
    [
      [
        ledger.requested,
        ledger.completed,
        ledger.failed,
        ledger.missing,
        ...(changed > 0 ? [changed] : []),
      ].map(count),
    ],
  )}
  ${failures.groups.length > 0 && html`${heading(level, 'Failures')}${failuresOf(reading, place)}`}
  ${heading(level, 'Parameters')} ${parametersOf(run)} ${heading(level, 'Provenance')}
  ${provenanceOf(reading)}`;
}

function statusOf({ run, ledger, averages }: RunReading): Html {
  const warning = averages && warningOf({ run, ledger, averages });
  const { completed, requested } = ledger;
  const stored =
    completed === requested
      ? counted(completed, 'value')
      : `${completed.toLocaleString('en-US')} of ${counted(requested, 'value')}`;
  return html`<p class="lead">
      <span class="${run.status}">${run.status}</span>, ${stored}, seed
      ${run.seed}${run.label !== undefined && html`, label <bdi>${run.label}</bdi>`}
    </p>
    ${warning !== undefined && html`<p class="warning"><strong>Caution:</strong> ${warning}.</p>`}`;
}

function reasonOfNone({ run, ledger }: RunSummary): string {
  const { completed, failed, missing } = ledger;
  const stored =
    completed === 0 ? 'It has no values.' : 'What follows is of the values that are stored.';
  const reason =
    failed > 0
      ? `${counted(failed, 'iteration')} failed`
      : missing > 0
        ? `${counted(missing, 'iteration')} are without a value`
        : run.status === 'failed'
          ? 'it failed though all its values are there, as when they are too large to be summed'
          : `it is ${run.status}`;
  return `The run has no average: ${reason}. ${stored}`;
}

const figures: readonly (readonly [string, (average: Average) => Html])[] = [
  ['values', (average) => count(average.count)],
  ['average', ({ mean, standardError }) => figure(mean, standardError)],
  ['95 % interval', ({ confidenceInterval }) => interval(confidenceInterval)],
  ['standard deviation', ({ standardDeviation }) => figure(standardDeviation)],
  ['standard error', ({ standardError }) => figure(standardError)],
  ['minimum', ({ minimum, standardDeviation }) => figure(minimum, standardDeviation)],
  ['maximum', ({ maximum, standardDeviation }) => figure(maximum, standardDeviation)],
];

function figuresOf({ run, averages = {}, earlier }: RunReading): Html {
  const all = Object.entries(averages);
  const [first] = all;
  const history =
    earlier.length > 0 &&
    html`<p>
      Earlier averages of ${run.measures[0]}:
      ${earlier.map((each, place) => html`${place > 0 && ', '}${figure(each.mean, each.standardError)} over ${count(each.count)}`)}.
    </p> `;
  if (first !== undefined && all.length === 1) {
    return html`<dl class="tiles">
        ${figures.map(
          ([label, of]) =>
            html`<div>
              <dt>${label}</dt>
              <dd>${of(first[1])}</dd>
            </div> `,
        )}
      </dl>
      ${history}`;
  }
  return html`${table(
    `Figures of run ${run.id}`,
    [text('measure'), ...figures.map(([label]) => number(label))],
    all.map(([name, average]) => [
      html`<bdi>${name}</bdi>`,
      ...figures.map(([, of]) => of(average)),
    ]),
  )}${history}`;
}

function precisionOf({ run, precision }: RunSummary): Html {
  if (precision === undefined || run.precision === undefined) return html``;
  const { measure, confidence, wanted, halfWidth, confidenceInterval, isReached } = precision;
  const { halfWidth: goal } = run.precision;
  const look = `look ${precision.look} of ${precision.looks}`;
  const reached =
    halfWidth === null
      ? html`At ${look} nobody can tell: so few values carry the mean.`
      : html`${isReached ? 'Reached' : 'Not reached'} at ${look}: ±${figure(halfWidth)}, from
        ${interval(confidenceInterval)}. This interval holds at whichever look a run ends; the 95 %
        interval among the figures is for a number of values that was fixed beforehand.`;
  return html`<p>
    The run’s goal is the mean of ${measure} to
    ±${figure(wanted)}${goal.endsWith('%') && `, ${goal} of it`}, with a confidence of
    ${share(confidence)}. ${reached}
  </p> `;
}

function quantilesOf(measures: readonly MeasureReading[]): Html {
  const probabilities = measures[0]?.quantiles.map(({ probability }) => probability) ?? [];
  if (probabilities.length === 0) return html``;
  const isOne = measures.length === 1;
  const all = table(
    'Quantiles with their intervals',
    [
      ...(isOne ? [] : [text('measure')]),
      number('quantile'),
      number('value'),
      number('its 95 % interval'),
    ],
    measures.flatMap(({ name, quantiles, average }) =>
      quantiles.map(({ probability, value, confidenceInterval }) => [
        ...(isOne ? [] : [html`<bdi>${name}</bdi>`]),
        share(probability),
        figure(value, average?.standardDeviation),
        interval(confidenceInterval),
      ]),
    ),
  );
  if (isOne) return all;
  return html`${table(
      'Quantiles',
      [text('quantiles of'), ...probabilities.map((each) => number(share(each)))],
      measures.map(({ name, quantiles, average }) => [
        html`<bdi>${name}</bdi>`,
        ...quantiles.map(({ value }) => figure(value, average?.standardDeviation)),
      ]),
    )}
    <details>
      <summary>Quantiles with their intervals</summary>
      ${all}
    </details> `;
}

function measurePlots(measure: MeasureReading, { rows }: Detail, plots: Plots): Html {
  const { name, histogram, fine, areWhole, running, average, extent } = measure;
  if (histogram === undefined || fine === undefined)
    return html`<p>There are no values to draw.</p> `;
  if (extent.minimum === extent.maximum) {
    const all =
      measure.count === 1 ? 'The only value is' : `All ${counted(measure.count, 'value')} are`;
    return html`<p>${all} ${figure(extent.minimum)}: there is nothing to draw.</p> `;
  }
  if (!isDrawable(histogram)) {
    return html`<p>The values are too large, or too far apart, to be drawn as doubles.</p> `;
  }
  // Of as many values as are drawn: there may be more since it was taken.
  const mean = average?.count === measure.count ? average.mean : undefined;
  const bins = binsOf(histogram, areWhole);
  const single = areSingle(fine.scale, areWhole);
  const steps = stepsOf(fine, single);
  const drawn = {
    histogram: describeBins(bins, histogram, mean),
    distribution: describeSteps(measure, single),
  };
  const captions = {
    histogram: `Histogram of ${name}`,
    distribution: `Empirical distribution of ${name}`,
    running: `Running mean of ${name}`,
  };
  return html`<div class="plots">
    ${figureOf(
      captions.histogram,
      plots.histogram({ title: captions.histogram, description: drawn.histogram }, bins, mean),
      drawn.histogram,
      table(
        captions.histogram,
        [...bins[0]!.labels.map(number), number('values')],
        bins.map(({ ends, count: values }) => [...ends.map(String), count(values)]),
      ),
    )}
    ${figureOf(
      captions.distribution,
      plots.distribution(
        { title: captions.distribution, description: drawn.distribution },
        steps,
        single,
      ),
      drawn.distribution,
      table(
        captions.distribution,
        [number(single ? 'up to and with' : 'below'), number('share of values')],
        thinned(steps, rows).map(({ value, share: part }) => [String(value), figure(part)]),
      ),
    )}
    ${
      running.length > 1 &&
      figureOf(
        captions.running,
        plots.running({ title: captions.running, description: describeRunning(running) }, running),
        describeRunning(running),
        table(
          captions.running,
          [number('values'), number('mean'), number('95 % interval')],
          thinned(running, rows).map((point) => [
            count(point.count),
            figure(point.mean, point.interval && point.interval[1] - point.interval[0]),
            interval(point.interval),
          ]),
        ),
      )
    }
  </div> `;
}

/** Evenly chosen, with the first and the last. */
function thinned<T>(all: readonly T[], most: number): readonly T[] {
  if (all.length <= most) return all;
  return Array.from(
    { length: most },
    (_, place) => all[Math.round((place * (all.length - 1)) / (most - 1))]!,
  );
}

function isDrawable({ scale }: Histogram): boolean {
  const edges = histogramEdges(scale);
  return Number.isFinite(edges.at(-1)! - edges[0]!);
}

/** A bar of a histogram in words, too. */
interface NamedBin extends Bin {
  /** Of the columns that name it in a table. */
  readonly labels: readonly string[];
  readonly ends: readonly number[];
}

/** Bars of whole numbers have theirs in the middle, and are named by the lowest and the highest. */
function binsOf({ scale, counts }: Histogram, areWhole: boolean): readonly NamedBin[] {
  const edges = histogramEdges(scale);
  const isSingle = areSingle(scale, areWhole);
  return counts.map((each, bin) => {
    const [from, to] = [edges[bin]!, edges[bin + 1]!];
    if (!areWhole || scale.exponent < 0) {
      return { from, to, count: each, labels: ['from', 'up to'], ends: [from, to] };
    }
    const bar = { from: from - 0.5, to: to - 0.5, count: each, isOfWholes: true };
    return isSingle
      ? { ...bar, labels: ['value'], ends: [from] }
      : { ...bar, labels: ['from', 'up to and with'], ends: [from, to - 1] };
  });
}

/** True of whole numbers that each have a bin of their own. */
function areSingle(scale: HistogramScale, areWhole: boolean): boolean {
  return areWhole && scale.digit === 1 && scale.exponent === 0;
}

/** The share of the values below each edge; of single whole numbers, up to and with each. */
function stepsOf({ scale, counts, below, above }: Histogram, single: boolean): readonly Step[] {
  const all = counts.reduce((sum, each) => sum + each, below.count + above.count);
  const edges = histogramEdges(scale);
  let sum = below.count;
  const shares = counts.map((each) => (sum += each) / all);
  const [first, ...others] = edges;
  return single
    ? shares.map((part, bin) => ({ value: edges[bin]!, share: part }))
    : [
        { value: first!, share: below.count / all },
        ...shares.map((part, bin) => ({ value: others[bin]!, share: part })),
      ];
}

function describeBins(
  bins: readonly NamedBin[],
  { below, above }: Histogram,
  mean: number | undefined,
): string {
  const fullest = bins.reduce((a, b) => (b.count > a.count ? b : a));
  const [first, last] = [bins[0]!, bins.at(-1)!];
  const isOne = fullest.ends.length === 1;
  const texts = [
    `${counted(bins.length, 'bin')} from ${first.ends[0]} to ${last.ends.at(-1)}; the fullest, ${isOne ? 'at' : 'from'} ${fullest.ends.join(' to ')}, holds ${counted(fullest.count, 'value')}.`,
  ];
  for (const [{ count: values, farthest }, side, edge] of [
    [below, 'below', first.from],
    [above, 'above', last.to],
  ] as const) {
    if (values === 0) continue;
    texts.push(
      `${values.toLocaleString('en-US')} more ${values === 1 ? 'lies' : 'lie'} ${side}, to ${short(farthest, Math.abs(farthest - edge))}.`,
    );
  }
  if (mean !== undefined) {
    const isWithin = mean >= first.from && mean <= last.to;
    texts.push(
      isWithin
        ? 'The dashed line is the average.'
        : `The average, ${short(mean, Math.min(Math.abs(mean - first.from), Math.abs(mean - last.to)))}, lies outside.`,
    );
  }
  return texts.join(' ');
}

function describeSteps({ quantiles, average }: MeasureReading, single: boolean): string {
  const median = quantiles.find(({ probability }) => probability === 0.5);
  const half =
    median === undefined
      ? ''
      : ` The median is ${short(median.value, average?.standardDeviation)}.`;
  return `The share of the values ${single ? 'up to and with' : 'below'} each number.${half}`;
}

function describeRunning(points: readonly RunningPoint[]): string {
  const { count: values, mean, interval: ends } = points.at(-1)!;
  const after = `After ${counted(values, 'value')} in iteration order the mean is`;
  if (ends === null) return `${after} ${short(mean)}.`;
  const [lower, upper] = ends;
  const width = upper - lower;
  const within = `its 95 % interval from ${short(lower, width)} to ${short(upper, width)}`;
  return `${after} ${short(mean, width)}, ${within}. The band is the interval after as many values.`;
}

const longestMessage = 1000;

function failuresOf({ run, failures: { groups, others } }: RunReading, place?: string): Html {
  return html`${table(
    `Failures of run ${run.id}`,
    [number('failures'), text('error'), text('message, of the first'), text('try again')],
    groups.map((group) => [
      count(group.count),
      group.errorName,
      html`<bdi>${cut(group.message, longestMessage)}</bdi>`,
      replaysOf(run, group, place),
    ]),
  )}${others > 0 && html`<p>Others: ${count(others)}. ${command(`failures ${run.id}`, place)} lists them all.</p> `}`;
}

function replaysOf(run: Run, { iterations }: FailureGroup, place?: string): Html[] {
  return iterations.map(
    (iteration, at) =>
      html`${at > 0 && html`<br />`}${command(`replay ${run.id} ${iteration}`, place)}`,
  );
}

function parametersOf({ id, parameters }: Run): Html {
  const rows = Object.entries(parameters);
  if (rows.length === 0) return html`<p>The run gave its simulation no parameters.</p> `;
  return facts(
    `Parameters of run ${id}`,
    rows.map(([name, value]) => [name, html`<code>${JSON.stringify(value)}</code>`]),
  );
}

function provenanceOf({ run }: RunReading): Html {
  const { finishedAt } = run;
  return facts(`Provenance of run ${run.id}`, [
    ['run', String(run.id)],
    ['simulation', html`<bdi>${run.generatorName}</bdi>`],
    ...run.simulation.map(
      (accepted, code) =>
        [
          code === 0 ? 'code' : `accepted code ${code}`,
          html`<code>${Fingerprint.describeOrigin(accepted)}</code>`,
        ] as const,
    ),
    ['seed', html`<code>${run.seed}</code>`],
    ['tolerance', run.tolerance],
    ['begun with', describeVersions(run.versions)],
    ...(run.experiment === undefined
      ? []
      : [
          [
            'experiment',
            html`<bdi>${run.experiment}</bdi>, scenario <bdi>${run.scenario}</bdi>`,
          ] as const,
        ]),
    ['started', run.startedAt.toISOString()],
    ['ended', finishedAt?.toISOString() ?? 'not yet'],
  ]);
}
