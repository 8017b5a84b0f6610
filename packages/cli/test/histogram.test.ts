import fc from 'fast-check';
import stringWidth from 'string-width';
import { defineSimulation, InProcessOrchestrator } from '@stepcompute/core';
import { inMemoryStores } from '@stepcompute/inmemory-adapter';
import { times } from '../../../testing/exhaustive.js';
import { countValues, drawHistogram, formatHistogram } from '../src/histogram.js';
import type { Terminal } from '../src/terminal.js';

interface Look {
  readonly columns: number;
  readonly hasUnicode: boolean;
}

const usual: Look = { columns: 80, hasUnicode: true };
const terminal = { screen: usual, isQuiet: true } as unknown as Terminal;

/** The values as a store reads them, in batches. */
function batchesOf(values: readonly number[], size: number) {
  return async function* () {
    for (let first = 0; first < values.length; first += size) {
      yield await Promise.resolve(Float64Array.from(values.slice(first, first + size)));
    }
  };
}

async function draw(
  values: readonly number[],
  look: Look = usual,
  measure = 'value',
  batch = 100,
): Promise<string> {
  const known = { minimum: least(values), maximum: greatest(values) };
  return formatHistogram(measure, await countValues(batchesOf(values, batch), known), look);
}

const least = (values: readonly number[]): number =>
  values.reduce((a, b) => Math.min(a, b), Infinity);
const greatest = (values: readonly number[]): number =>
  values.reduce((a, b) => Math.max(a, b), -Infinity);

/** A chart, from its characters alone. */
interface Read {
  readonly bins: readonly {
    readonly label: string;
    readonly edge: number;
    readonly count: number;
    /** The bar's length, in the smallest parts of a column. */
    readonly length: number;
  }[];
  readonly below: number;
  readonly above: number;
  readonly partsPerColumn: number;
}

const blocks = '▏▎▍▌▋▊▉█';

function read(chart: string): Read {
  const [, ...lines] = chart.split('\n');
  const areBlocks = /[▏▎▍▌▋▊▉█]/.test(chart);
  const glyphs = areBlocks ? blocks : ':#';
  const tails = { below: 0, above: 0 };
  const bins: Read['bins'][number][] = [];
  for (const line of lines) {
    const [, tail, side] = /^([\d,]+) lies? (below|above), /.exec(line) ?? [];
    if (tail !== undefined) {
      tails[side as 'below' | 'above'] = Number(tail.replaceAll(',', ''));
      continue;
    }
    const [, label = '', count = '', bar = ''] = /^ *(\S+) +([\d,]+)(?:  (\S+))?$/.exec(line) ?? [];
    const lengths = Array.from(bar, (glyph) => 1 + glyphs.indexOf(glyph));
    const length = lengths.reduce((sum, part) => sum + part, 0);
    bins.push({ label, edge: Number(label), count: Number(count.replaceAll(',', '')), length });
  }
  return { bins, ...tails, partsPerColumn: glyphs.length };
}

/** A decimal as a whole number of 10^-330. */
function exactly(decimal: string): bigint {
  const [, sign, whole = '', part = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e(-?\d+))?$/.exec(decimal) ?? [];
  const value = BigInt(whole + part) * 10n ** BigInt(330 + Number(exponent) - part.length);
  return sign === '-' ? -value : value;
}

/** Each count, from the values and the labels alone. */
function expectTruth(values: readonly number[], chart: string): void {
  const { bins, below, above, partsPerColumn } = read(chart);
  const edges = bins.map(({ edge }) => edge);
  const first = edges[0]!;
  expect(below).toBe(values.filter((value) => value < first).length);
  for (const [index, { edge, count }] of bins.slice(0, -1).entries()) {
    const next = edges[index + 1]!;
    expect(count).toBe(values.filter((value) => value >= edge && value < next).length);
  }
  const last = edges.at(-1)!;
  expect(bins.at(-1)!.count + above).toBe(values.filter((value) => value >= last).length);

  const largest = Math.max(...bins.map(({ count }) => count));
  const longest = Math.max(...bins.map(({ length }) => length));
  expect(longest % partsPerColumn).toBe(0);
  for (const { count, length } of bins) {
    if (count === 0) expect(length).toBe(0);
    else {
      expect(length).toBeGreaterThan(0);
      expect(Math.abs(length - (count / largest) * longest)).toBeLessThan(1);
    }
  }

  const ticks = bins.map(({ label }) => exactly(label));
  const steps = new Set(ticks.slice(1).map((tick, index) => tick - ticks[index]!));
  expect(steps.size).toBeLessThanOrEqual(1);
  for (const step of steps) {
    expect(String(step)).toMatch(/^[125]0*$/);
    expect(ticks[0]! % step).toBe(0n);
  }
  expect(below + above).toBeLessThanOrEqual(0.02 * values.length);
  expect(bins.length).toBeLessThanOrEqual(21);
}

const uniform = fc.double({ min: 0, max: 1, noNaN: true });

const data = fc.oneof(
  fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 300 }),
  fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 50 }),
  fc.array(fc.integer({ min: -(2 ** 53), max: 2 ** 53 }), { minLength: 1, maxLength: 300 }),
  // Skewed, and about a mean far from zero.
  fc
    .tuple(
      fc.array(uniform, { minLength: 1, maxLength: 2000 }),
      fc.double({ min: 0.1, max: 20, noNaN: true }),
      fc.constantFrom(0, -1, 1e6, 1e15, -1e-9),
    )
    .map(([draws, power, shift]) => draws.map((u) => shift + (u + 1e-9) ** -power)),
  // Two peaks, with nothing between them.
  fc
    .tuple(fc.array(uniform, { minLength: 1 }), fc.array(uniform), fc.integer())
    .map(([low, high, apart]) => [...low, ...high.map((u) => u + apart)]),
  // Rising from one iteration to the next: the first values are no sample.
  fc.integer({ min: 4000, max: 9000 }).map((count) => Array.from({ length: count }, (_, i) => i)),
  fc
    .tuple(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.nat({ max: 50 }))
    .map(([value, more]) => new Array<number>(1 + more).fill(value)),
);

const looks = fc.record({
  columns: fc.integer({ min: 40, max: 200 }),
  hasUnicode: fc.boolean(),
});

describe('a histogram', () => {
  it('says of random and skewed values what a count by hand says, in bars that are as long', async () => {
    await fc.assert(
      fc.asyncProperty(data, looks, fc.integer({ min: 1, max: 500 }), async (values, look, batch) =>
        expectTruth(values, await draw(values, look, 'value', batch)),
      ),
      { numRuns: times(300, 5000) },
    );
  });

  it('fits 40 to 200 columns, whatever it is of', async () => {
    const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,62}$/);
    await fc.assert(
      fc.asyncProperty(data, looks, name, async (values, look, measure) => {
        const chart = await draw(values, look, measure);
        for (const line of chart.split('\n')) {
          expect(stringWidth(line)).toBeLessThanOrEqual(look.columns);
        }
      }),
      { numRuns: times(100, 2000) },
    );
  });

  it.each<[string, readonly number[]]>([
    ['one value', [5]],
    ['zero', [0, -0, 0]],
    ['constant fractions', new Array<number>(9).fill(0.1)],
    ['two values', [1, 2]],
    ['two doubles beside each other', [1, 1 + Number.EPSILON]],
    ['doubles far from zero, beside each other', [1e15, 1e15 + 0.125, 1e15 + 0.25]],
    ['1e-300 beside 1e300', [1e-300, 1e300, 1e-300]],
    ['all that a double holds', [-Number.MAX_VALUE, 0, Number.MAX_VALUE]],
    ['the largest doubles', [Number.MAX_VALUE, 1.7e308]],
    ['the smallest doubles', [5e-324, 1e-323, 1e-308, -5e-324]],
    ['subnormal doubles beside each other', [1e-308, 1e-308 + 5e-324]],
    ['a rare event', [...new Array<number>(999).fill(0), 1]],
  ])('tells the truth about %s', async (_, values) => {
    expectTruth(values, await draw(values));
    expectTruth(values, await draw(values, { ...usual, hasUnicode: false }));
  });

  it('shows eleven empty bins of twenty as empty', async () => {
    const values = [...new Array<number>(1000).fill(0.5), ...new Array<number>(1000).fill(19.5)];
    const { bins } = read(await draw(values));
    expect(bins.map(({ count }) => count)).toEqual([1000, ...new Array<number>(18).fill(0), 1000]);
    expect(bins.map(({ length }) => length > 0)).toEqual([
      true,
      ...new Array<boolean>(18).fill(false),
      true,
    ]);
  });

  it('gives each face of a die a bin', async () => {
    const chart = await draw([1, 2, 2, 3, 3, 3, 6], { columns: 40, hasUnicode: true });
    expect(chart.split('\n')).toEqual([
      'value from  values',
      '         1       1  ██████▋',
      '         2       2  █████████████▍',
      '         3       3  ████████████████████',
      '         4       0',
      '         5       0',
      '         6       1  ██████▋',
    ]);
  });

  it('is of ASCII alone where a terminal takes nothing else', async () => {
    const chart = await draw([1, 2, 2, 3, 3, 3, 6], { columns: 40, hasUnicode: false });
    expect(chart).toMatch(/^\p{ASCII}*$/u);
  });

  it('cuts a tail that is longer than all the rest, and says how many lie there', async () => {
    const bulk = Array.from({ length: 2000 }, (_, index) => index / 2000);
    const chart = await draw([...bulk, -50, 1234.5, 99]);
    expect(chart.split('\n').slice(-2)).toEqual(['1 lies below, to -50', '2 lie above, to 1234.5']);
    expectTruth([...bulk, -50, 1234.5, 99], chart);
  });

  it('is of the stored values of one measure, also of those beyond the average’s', async () => {
    const stores = inMemoryStores();
    const orchestrator = new InProcessOrchestrator({
      stores,
      generator: defineSimulation({
        measures: ['digit', 'tens'],
        generate: ({ iterationId }) => ({
          digit: iterationId % 10,
          tens: Math.floor(iterationId / 10),
        }),
      }),
    });
    const result = await orchestrator.run({ repetitions: 10 });
    await orchestrator.resume(result.run.id, { repetitions: 100 });
    const tens = read(await drawHistogram(result, 'tens', stores, terminal)).bins;
    expect(tens.map(({ edge, count }) => [edge, count])).toEqual(
      Array.from({ length: 10 }, (_, ten) => [ten, 10]),
    );
  });
});
