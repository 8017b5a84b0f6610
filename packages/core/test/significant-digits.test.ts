import { significantDigits } from '../src/statistics/significant-digits.js';

it.each<[value: number, scale: number | null, digits: number]>([
  [1_000_000.4982, 0.0065, 12],
  [-1_000_000.4982, 0.0065, 12],
  [3.14, 0.01, 7],
  [1e300, 1e-300, 17],
  [1, 0, 7],
  [1, null, 7],
  [0, 1, 7],
  [0, 0, 7],
  [1, Infinity, 7],
  [1, NaN, 7],
])('of %d at a scale of %d are %d', (value, scale, digits) => {
  expect(significantDigits(value, scale, 7)).toBe(digits);
});
