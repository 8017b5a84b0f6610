/** The plots of RESULTS.md, as SVG. */
import { compile } from 'vega-lite';
import * as vega from 'vega';

/** @typedef {{ name: string, n: number, ms: number, perSecond: number, peakMegabytes: number }} Row */

const config = { background: 'white', font: 'sans-serif', view: { stroke: null } };

/** A bar for each rate; ours stands out. @param {Row[]} rows */
export function drawRates(rows) {
  return draw({
    width: 460,
    height: { step: 24 },
    data: {
      values: rows.map(({ name, perSecond }) => ({
        name,
        perSecond,
        kind: name.startsWith('StepCompute')
          ? 'StepCompute'
          : name.includes('limit')
            ? 'limit'
            : 'peer',
      })),
    },
    encoding: {
      y: { field: 'name', type: 'nominal', sort: null, title: null, axis: { labelLimit: 400 } },
      x: {
        field: 'perSecond',
        type: 'quantitative',
        scale: { type: 'log', domainMin: 100 },
        title: 'values a second',
      },
    },
    layer: [
      {
        mark: 'bar',
        encoding: {
          x2: { datum: 100 },
          color: {
            field: 'kind',
            scale: {
              domain: ['StepCompute', 'limit', 'peer'],
              range: ['#d95f02', '#bbbbbb', '#7570b3'],
            },
            legend: null,
          },
        },
      },
      {
        mark: { type: 'text', align: 'left', dx: 4 },
        encoding: { text: { field: 'perSecond', format: ',.0f' } },
      },
    ],
  });
}

/** Time, rate and peak memory over the number of repetitions. @param {(Row & { group: string })[]} rows */
export function drawScaling(rows) {
  const panel = (
    /** @type {string} */ field,
    /** @type {string} */ title,
    /** @type {string} */ type,
  ) => ({
    width: 220,
    height: 200,
    mark: { type: 'line', point: true },
    encoding: {
      x: {
        field: 'n',
        type: 'quantitative',
        scale: { type: 'log' },
        title: 'repetitions',
        axis: { values: [1e3, 1e4, 1e5, 1e6] },
      },
      y: { field, type: 'quantitative', scale: { type }, title },
      color: { field: 'group', type: 'nominal', title: null, sort: null },
    },
  });
  return draw({
    data: { values: rows.map((row) => ({ ...row, group: row.group.replace('Scaling ', '') })) },
    hconcat: [
      panel('ms', 'milliseconds', 'log'),
      panel('perSecond', 'values a second', 'log'),
      panel('peakMegabytes', 'peak memory, MB', 'linear'),
    ],
  });
}

/** @param {object} spec */
async function draw(spec) {
  const { spec: compiled } = compile(/** @type {any} */ ({ ...spec, config }));
  return `${await new vega.View(vega.parse(compiled), { renderer: 'none' }).toSVG()}\n`;
}
