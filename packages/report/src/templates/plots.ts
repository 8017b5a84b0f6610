import type { Markish, PlotOptions, ScaleOptions } from '@observablehq/plot';
import type { GridValue } from '../reading/experiment-reading.js';
import type { Detail, RunningPoint } from '../reading/measure-shapes.js';
import { significantDigits } from '@stepcompute/core/adapters';
import { countTick, cutMiddle, tickText, widthOf } from './format.js';
import { Html, html } from './html.js';
import { loadPlotLibrary, type PlotLibrary } from './plot-library.js';

/** A plot in words: its title, and what there is to be seen. */
interface Words {
  readonly title: string;
  readonly description: string;
}

/** A bar of a histogram: the range that it stands on. */
export interface Bin {
  readonly from: number;
  readonly to: number;
  /** True where the values are whole numbers. */
  readonly isOfWholes?: boolean | undefined;
  readonly count: number;
}

/** A share of the values that lies below a value, or up to it where values are whole numbers. */
export interface Step {
  readonly value: number;
  readonly share: number;
}

export interface NamedInterval {
  readonly name: string;
  /** NaN where there is none. */
  readonly value: number;
  readonly interval: readonly [lower: number, upper: number] | null;
}

interface LinePoint {
  readonly at: number;
  /** NaN where there is none: a gap in the line. */
  readonly value: number;
  readonly interval: readonly [lower: number, upper: number] | null;
}

interface Cell {
  readonly x: GridValue;
  readonly y: GridValue;
  /** NaN where there is none: a gap in the map. */
  readonly value: number;
}

/** Draws plots as SVG whose colours are the page's style's, by the classes of marks. */
export interface Plots {
  readonly histogram: (words: Words, bins: readonly Bin[], mean: number | undefined) => Html;
  readonly distribution: (words: Words, steps: readonly Step[], areSteps: boolean) => Html;
  readonly running: (words: Words, points: readonly RunningPoint[]) => Html;
  /** @param origin a value that is marked, such as no difference */
  readonly intervals: (words: Words, rows: readonly NamedInterval[], origin?: number) => Html;
  readonly line: (words: Words, parameter: string, points: readonly LinePoint[]) => Html;
  readonly heatMap: (
    words: Words,
    parameters: readonly [string, string],
    cells: readonly Cell[],
  ) => Html;
}

export function openPlots({ areFine }: Pick<Detail, 'areFine'>): Plots {
  const Plot = loadPlotLibrary();
  const { document } = Plot.parseHTML('<!doctype html><html></html>');
  // Of the y axis Plot makes about so many.
  const [ticks, mostTicks] = areFine ? [5, 6] : [3, 4];
  let drawn = 0;
  const draw = (words: Words, options: PlotOptions, fontSize = 12): Html => {
    drawn += 1;
    const svg: unknown = Plot.plot({
      document,
      width,
      height,
      marginBottom: 38,
      className: 'plot',
      ...options,
    });
    return finished(svg as SvgElement, words, {
      id: `plot-${drawn}`,
      fontSize,
      hasRoom: options.marginLeft !== undefined,
    });
  };
  return {
    histogram: (words, bins, mean) => {
      const [low, high] = domainOfBins(bins);
      const { x, marginRight } = numberAxis([low, high], mostTicks, {
        leastStep: bins[0]!.isOfWholes === true ? 1 : 0,
      });
      const marked = mean !== undefined && mean >= low && mean <= high ? [mean] : [];
      return draw(words, {
        x: { ...x, domain: [low, high] },
        marginRight,
        y: { tickSize: 0, tickFormat: countTick, ticks, label: 'values', grid: true },
        marks: [
          Plot.rectY(bins, {
            x1: 'from',
            x2: 'to',
            y: 'count',
            insetLeft: bins.length > 100 ? 0 : 0.5,
            className: 'bars',
          }),
          Plot.ruleY([0]),
          ...['halo', 'mark'].map((className) => Plot.ruleX(marked, { className })),
        ],
      });
    },
    distribution: (words, steps, areSteps) =>
      draw(words, {
        ...numberAxis([steps[0]!.value, steps.at(-1)!.value], mostTicks),
        y: {
          tickSize: 0,
          tickFormat: tickText,
          ticks,
          domain: [0, 1],
          label: 'share of values',
          grid: true,
        },
        marks: [
          // The first step rises from nothing.
          Plot.lineY(areSteps ? [{ ...steps[0]!, share: 0 }, ...steps] : steps, {
            x: 'value',
            y: 'share',
            curve: areSteps ? 'step-after' : 'linear',
            className: 'line',
          }),
          Plot.ruleY([0]),
        ],
      }),
    running: (words, points) => draw(words, runningOptions(Plot, points, ticks)),
    intervals: (words, rows, origin) =>
      draw(words, intervalOptions(Plot, rows, origin), intervalFontSize),
    line: (words, parameter, points) => {
      const { x, marginRight } = numberAxis(extentOf(points.map(({ at }) => at)), 8);
      return draw(words, {
        width: wide,
        height: 300,
        x: { ...x, label: parameter },
        marginRight,
        y: { tickSize: 0, tickFormat: tickText, ticks: 5, label: null, grid: true, zero: false },
        marks: [
          Plot.ruleX(
            points.flatMap(({ at, interval }) =>
              interval === null ? [] : [{ at, y1: interval[0], y2: interval[1] }],
            ),
            { x: 'at', y1: 'y1', y2: 'y2', className: 'interval' },
          ),
          Plot.lineY(points, { x: 'at', y: 'value', className: 'line' }),
          Plot.dot(points, { x: 'at', y: 'value', r: 3, className: 'dots' }),
        ],
      });
    },
    heatMap: (words, [x, y], cells) => draw(words, heatMapOptions(Plot, x, y, cells)),
  };
}

/** Larger, since a phone shows these plots smaller than others. */
const intervalFontSize = 14;
/** Right of the names. */
const intervalRoom = 420;

function intervalOptions(
  Plot: PlotLibrary,
  rows: readonly NamedInterval[],
  origin: number | undefined,
): PlotOptions {
  const names = distinct(rows.map(({ name }) => fitted(name, widestName)));
  const longest = Math.max(...names.map(widthOf));
  const left = Math.ceil(longest * intervalFontSize) + 20;
  const all = rows.flatMap(
    ({ value, interval }) => interval ?? (Number.isNaN(value) ? [] : [value]),
  );
  const extent = extentOf(origin === undefined ? all : [origin, ...all]);
  const { x, marginRight } = numberAxis(extent, 5, { fontSize: intervalFontSize });
  return {
    width: left + intervalRoom,
    height: 60 + 24 * rows.length,
    marginLeft: left,
    x: { ...x, grid: true },
    marginRight,
    y: {
      type: 'point',
      domain: rows.map((_, place) => place),
      tickFormat: (place: number) => names[place]!,
      tickSize: 0,
      label: null,
    },
    marks: [
      origin === undefined ? null : Plot.ruleX([origin], { className: 'mark' }),
      Plot.ruleY(
        rows.flatMap(({ interval }, place) =>
          interval === null ? [] : [{ place, x1: interval[0], x2: interval[1] }],
        ),
        { y: 'place', x1: 'x1', x2: 'x2', className: 'interval' },
      ),
      Plot.dot(rows, { x: 'value', y: (_, place: number) => place, r: 3, className: 'dots' }),
    ],
  };
}

/** An axis of numbers with as many labels as there is room for, and the margin that the last of them needs. */
function numberAxis(
  [low, high]: readonly [number, number],
  most: number,
  { fontSize = usualFontSize, leastStep = 0 } = {},
): { readonly x: ScaleOptions; readonly marginRight: number } {
  let ticks = roundNumbers(low, high, most, leastStep);
  const labels = (): string[] => ticks.map((tick, place) => tickText(tick, place, ticks));
  const widest = (): number => Math.max(...labels().map(widthOf)) * fontSize;
  for (let fewer = most - 1; fewer >= 2 && ticks.length * (widest() + 12) > axisRoom; fewer -= 1) {
    ticks = roundNumbers(low, high, fewer, leastStep);
  }
  // One number alone is no scale.
  if (ticks.length < 2) ticks = [low, high];
  return {
    x: { tickSize: 0, tickFormat: tickText, ticks, label: null },
    marginRight: Math.max(20, Math.ceil(widest() / 2) + 4),
  };
}

const usualFontSize = 12;
/** In pixels, of the axis of a plot of usual width. */
const axisRoom = 340;

/** Of ten, that a double holds. */
const smallestPower = -323;

/** The multiples of 1, 2 or 5 times a power of ten within a range: as many as may be. */
function roundNumbers(low: number, high: number, most: number, leastStep: number): number[] {
  if (!(high > low)) return [low];
  const least = Math.max(smallestPower, Math.floor(Math.log10((high - low) / most)));
  for (let power = least; ; power += 1) {
    for (const digit of [1, 2, 5]) {
      const step = digit * 10 ** power;
      const first = Math.ceil(low / step);
      const length = Math.floor(high / step) - first + 1;
      if (step < leastStep || length > most || Number.isNaN(length)) continue;
      return Array.from({ length }, (_, place) => Number(((first + place) * step).toPrecision(15)));
    }
  }
}

function domainOfBins(bins: readonly Bin[]): [number, number] {
  return [bins[0]!.from, bins.at(-1)!.to];
}

function extentOf(values: readonly number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

/** In pixels of a plot's own: a phone shows it nearly as large. */
const [width, height] = [400, 250];
const wide = 480;
/** In font sizes. */
const widestName = 15;

/** Names that have become equal get their places. */
function distinct(names: readonly string[]): readonly string[] {
  return names.map((name, place) =>
    names.indexOf(name) === names.lastIndexOf(name) ? name : `${name} (${place + 1})`,
  );
}

function fitted(name: string, width: number): string {
  let text = name;
  for (let length = Math.ceil(2 * width); widthOf(text) > width; length -= 1) {
    text = cutMiddle(name, length);
  }
  return text;
}

function runningOptions(
  Plot: PlotLibrary,
  points: readonly RunningPoint[],
  ticks: number,
): PlotOptions {
  const [first, last] = [points[0]!.count, points.at(-1)!.count];
  const powers = Array.from({ length: 10 }, (_, power) => 10 ** power).filter(
    (each) => each >= first && each <= last,
  );
  const areMany = powers.length > 1;
  return {
    x: {
      type: last > 10 * first ? 'log' : 'linear',
      tickSize: 0,
      tickFormat: countTick,
      ticks: areMany ? powers : ticks,
      label: 'values',
    },
    y: { tickSize: 0, tickFormat: tickText, ticks, label: 'mean', grid: true, zero: false },
    marks: [
      bandOf(
        Plot,
        points.map(({ count, mean, interval }) => ({ x: count, value: mean, interval })),
      ),
      Plot.lineY(points, { x: 'count', y: 'mean', className: 'line' }),
    ],
  };
}

/** Intervals around values that lie on a line. */
function bandOf(
  Plot: PlotLibrary,
  points: readonly {
    readonly x: number;
    readonly value: number;
    readonly interval: readonly [number, number] | null;
  }[],
): Markish {
  const ends = points.map(({ x, value, interval }) => {
    const [lower, upper] = interval ?? [value, value];
    return { x, lower, upper };
  });
  return Plot.areaY(ends, { x: 'x', y1: 'lower', y2: 'upper', className: 'band' });
}

const mapFontSize = 12;
/** In pixels. */
const mapRight = 20;
/** From this share of the range on, white is easier to read on a cell than black. */
const darkFrom = 0.715;

function heatMapOptions(
  Plot: PlotLibrary,
  x: string,
  y: string,
  cells: readonly Cell[],
): PlotOptions {
  const filled = cells.filter(({ value }) => !Number.isNaN(value));
  const values = filled.map(({ value }) => value);
  const [least, greatest] = [Math.min(...values), Math.max(...values)];
  const shareOf = ({ value }: Cell): number =>
    greatest > least ? (value - least) / (greatest - least) : 0;
  const [columns, rows] = [domainOf(cells.map((cell) => cell.x)), domainOf(cells.map((c) => c.y))];
  const axisText = (value: GridValue, widest = 8): string =>
    typeof value === 'number' ? tickText(value) : fitted(String(value), widest);
  const cellText = ({ value }: Cell): string =>
    String(Number(value.toPrecision(significantDigits(value, greatest - least, 4))));
  const rowLabels = rows.map((value) => axisText(value));
  const mapLeft = Math.ceil(Math.max(...rowLabels.map(widthOf)) * mapFontSize) + 20;
  const room = (wide - mapLeft - mapRight) / columns.length;
  const areTooWide = filled.some((cell) => widthOf(cellText(cell)) * mapFontSize > room - 4);
  return {
    width: wide,
    height: 70 + Math.min(500, 36 * rows.length),
    padding: 0,
    marginBottom: 46,
    marginLeft: mapLeft,
    marginRight: mapRight,
    x: {
      type: 'band',
      domain: columns,
      label: x,
      labelAnchor: 'right',
      tickFormat: (value: GridValue) => axisText(value, room / mapFontSize),
      tickSize: 0,
    },
    y: {
      type: 'band',
      domain: rows.toReversed(),
      label: y,
      labelAnchor: 'top',
      tickFormat: (value: GridValue) => axisText(value),
      tickSize: 0,
    },
    color: { type: 'linear', domain: [0, 1], scheme: 'blues' },
    marks: [
      Plot.cell(filled, { x: 'x', y: 'y', fill: shareOf, inset: 0.5 }),
      areTooWide
        ? null
        : Plot.text(filled, {
            x: 'x',
            y: 'y',
            text: cellText,
            fill: (cell: Cell) => (shareOf(cell) > darkFrom ? '#fff' : '#000'),
          }),
    ],
  };
}

function domainOf(values: readonly GridValue[]): GridValue[] {
  const different = [...new Set(values)];
  return different.every((value) => typeof value === 'number')
    ? different.sort((a, b) => a - b)
    : different;
}

/** As much of an SVG element as is needed, since Node's types have no DOM. */
interface SvgElement {
  readonly innerHTML: string;
  readonly textContent: string;
  readonly querySelectorAll: (selectors: string) => Iterable<SvgElement>;
  readonly getAttribute: (name: string) => string | null;
  readonly setAttribute: (name: string, value: string) => void;
  readonly removeAttribute: (name: string) => void;
  readonly remove: () => void;
}

/** Attributes of numbers alone. */
const numeric = ['d', 'x', 'x1', 'x2', 'y', 'y1', 'y2', 'width', 'height', 'cx', 'cy', 'transform'];

/** The plot as the page has it: without a style of its own, with its words, and no digits that nobody sees. */
function finished(
  svg: SvgElement,
  { title, description }: Words,
  {
    id,
    fontSize,
    hasRoom,
  }: { readonly id: string; readonly fontSize: number; readonly hasRoom: boolean },
): Html {
  for (const style of svg.querySelectorAll('style')) style.remove();
  const left = hasRoom ? 0 : roomAtLeft(svg, fontSize);
  for (const element of [svg, ...svg.querySelectorAll('*')]) {
    element.removeAttribute('aria-label');
    element.removeAttribute('aria-hidden');
    element.removeAttribute('aria-description');
    for (const name of numeric) {
      const text = element.getAttribute(name);
      if (text === null || text.endsWith('em')) continue;
      element.setAttribute(name, text.replaceAll(/-?\d+\.\d+(?:e-?\d+)?/g, rounded));
    }
  }
  const [, , ownWidth = 0, ownHeight = 0] = svg.getAttribute('viewBox')!.split(' ').map(Number);
  const inner = svg.innerHTML;
  return html`<svg
    class="plot"
    viewBox="${-left} 0 ${left + ownWidth} ${ownHeight}"
    width="${left + ownWidth}"
    height="${ownHeight}"
    role="img"
    aria-labelledby="${id}-title ${id}-text"
    font-size="${fontSize}"
    fill="currentColor"
    text-anchor="middle"
  >
    <title id="${id}-title">${title}</title>
    <desc id="${id}-text">${description}</desc>
    ${new Html(inner)}
  </svg>`;
}

function rounded(number: string): string {
  return String(Number(Number(number).toFixed(1)));
}

/** In pixels, how much more than the plot has is needed for the labels of its axes. */
function roomAtLeft(svg: SvgElement, fontSize: number): number {
  const labels = [...svg.querySelectorAll('[aria-label="y-axis tick label"] text')];
  const longest = Math.max(0, ...labels.map(({ textContent }) => widthOf(textContent)));
  const [first] = svg.querySelectorAll('[aria-label="x-axis tick label"] text');
  const half = widthOf(first?.textContent ?? '') / 2;
  // The frame is at 40. Labels of the y axis end 9 px before it; the first one of the x axis may be right below.
  return Math.max(0, Math.ceil(longest * fontSize) - 30, Math.ceil(half * fontSize) - 40);
}
