import fc from 'fast-check';
import stringWidth from 'string-width';
import { averageOf, type Quantile } from '@stepcompute/core';
import { formatDuration, formatRate, formatResult } from '../src/format.js';

describe('a duration', () => {
  const second = 1000;
  const minute = 60 * second;
  const hour = 60 * minute;
  const day = 24 * hour;

  it.each([
    [0, '0ms'],
    [0.4, '0ms'],
    [999.4, '999ms'],
    [999.6, '1s'],
    [1500, '1.5s'],
    [9949, '9.9s'],
    [9950, '10s'],
    [42 * second, '42s'],
    [59.6 * second, '1m'],
    [90 * second, '1m 30s'],
    [59 * minute + 59.7 * second, '1h'],
    [hour + 29 * second, '1h'],
    [hour + 5 * minute, '1h 5m'],
    [23 * hour + 59.9 * minute, '1d'],
    [36 * hour, '1d 12h'],
    [1234 * day + 5 * hour, '1,234d 5h'],
  ])('of %d ms reads %s', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });

  it('is within a twentieth of what it reads, and has no unit’s worth of a smaller one', () => {
    const sizes = { ms: 1, s: second, m: minute, h: hour, d: day };
    const most: Record<string, number> = { ms: 1000, s: 60, m: 60, h: 24 };
    fc.assert(
      fc.property(fc.double({ min: 1, max: 1e13, noNaN: true }), (milliseconds) => {
        const parts = formatDuration(milliseconds).split(' ');
        const read = parts.map((part) => {
          const [, count = '', unit = ''] = /^([\d.,]+)([a-z]+)$/.exec(part) ?? [];
          const size = sizes[unit as keyof typeof sizes];
          return { count: Number(count.replaceAll(',', '')), size, most: most[unit] ?? Infinity };
        });
        const total = read.reduce((sum, { count, size }) => sum + count * size, 0);
        expect(Math.abs(total - milliseconds)).toBeLessThanOrEqual(
          Math.max(0.5, milliseconds / 20),
        );
        for (const { count, most } of read) expect(count).toBeLessThan(most);
      }),
    );
  });
});

describe('a rate', () => {
  it.each([
    [0, '0/s'],
    [123_456.7, '123,457/s'],
    [12.4, '12/s'],
    [9.96, '10/s'],
    [2.54, '2.5/s'],
    [0.98, '0.98/s'],
    [1 / 30, '2/min'],
    [0.5, '30/min'],
    [1 / 3600, '1/h'],
    [1 / 86_400, '1/d'],
    [1 / 864_000, '0.1/d'],
  ])('of %d a second reads %s', (perSecond, text) => expect(formatRate(perSecond)).toBe(text));
});

describe('a result with quantiles', () => {
  const values = [-1234.567891, 0.000123456789, 98765.4321];
  const quantiles = [0.05, 0.5, 0.95, 0.999].map((probability): Quantile => {
    return { probability, value: values[1]!, confidenceInterval: [values[0]!, values[2]!] };
  });
  const check = 'holds: p95(a_measure_with_a_long_name) < 98765.4321 with 99.9%';
  const rows = { before: [['run', '1']], after: [['check', check]] };
  const names = ['value', 'a_measure_with_a_long_name', 'wait'];

  it.each([
    [40, 1],
    [80, 1],
    [200, 1],
    [40, 3],
    [80, 3],
    [200, 3],
  ])('fits a terminal of %d columns with %d measures, and cuts no number', (columns, count) => {
    const all = names.slice(0, count);
    const screen = { isTerminal: true, isLive: true, hasColor: false, hasUnicode: true, columns };
    const table = formatResult(
      rows,
      Object.fromEntries(all.map((name) => [name, averageOf(values)])),
      screen,
      Object.fromEntries(all.map((name) => [name, quantiles])),
    );
    for (const line of table.split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(columns);
    expect(table.match(/-1234.568 to 98765.43/g)).toHaveLength(4 * count);
    for (const { probability } of quantiles) expect(table).toContain(`quantile ${probability} `);
  });
});
