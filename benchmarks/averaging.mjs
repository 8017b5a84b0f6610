/**
 * Prints how many digits of NIST's certified values averages keep, beside two passes in order, and beside
 * the known values of numpy and R.
 *
 *   npm run averaging --workspace benchmarks
 */
import { averageOf } from '@stepcompute/core';

const alternating = (low, high) =>
  Array.from({ length: 1000 }, (_, i) => (i % 2 === 0 ? low : high));

/** Source: https://www.itl.nist.gov/div898/strd/univ/homepage.html, read 2026-11. */
const sets = [
  { name: 'NumAcc1', values: [10000001, 10000003, 10000002], mean: 10000002, deviation: 1 },
  { name: 'NumAcc2', values: [1.2, ...alternating(1.1, 1.3)], mean: 1.2, deviation: 0.1 },
  {
    name: 'NumAcc3',
    values: [1000000.2, ...alternating(1000000.1, 1000000.3)],
    mean: 1000000.2,
    deviation: 0.1,
  },
  {
    name: 'NumAcc4',
    values: [10000000.2, ...alternating(10000000.1, 10000000.3)],
    mean: 10000000.2,
    deviation: 0.1,
  },
];

/**
 * Digits of the mean and of the deviation, as they are and repeated: all of them 15.0 but for these. Of
 * numpy 2.4.6 (`mean`, `std(ddof=1)`), run on these lists on 2026-11-26; of R, by its way of summing
 * (`mean` and `cov` of its C sources: two passes in 80 bits, the mean refined), with numpy's longdouble
 * on x86-64, since R was not at hand.
 */
const knownDeviations = { NumAcc3: 9.5, NumAcc4: 8.3 };
const full = 15;

function twoPasses(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (values.length - 1)) };
}

/** NIST's log relative error: the number of correct significant digits, at most 15. */
function digits(found, certified) {
  if (found === certified) return 15;
  return Math.min(15, -Math.log10(Math.abs(found - certified) / Math.abs(certified)));
}

const row = (...cells) =>
  cells
    .map((cell, i) => String(cell).padEnd(i < 2 ? 12 : 14))
    .join('')
    .trimEnd();
console.log(row('', '', 'mean', '', '', 'deviation'));
const ways = ['ours', 'two passes', 'numpy, R'];
console.log(row('set', 'repeated', ...ways, ...ways));
for (const { name, values, mean, deviation } of sets) {
  for (const length of [values.length, 100_000]) {
    const cycles = Math.ceil(length / values.length);
    const list = Array.from({ length: cycles }, () => values).flat();
    const count = list.length;
    // Repeated, the squares are the certified ones as often, over one degree of freedom less.
    const certified = deviation * Math.sqrt(((values.length - 1) * cycles) / (count - 1));
    const ours = averageOf(list);
    const theirs = twoPasses(list);
    console.log(
      row(
        name,
        cycles === 1 ? 'no' : `to ${count}`,
        digits(ours.mean, mean).toFixed(1),
        digits(theirs.mean, mean).toFixed(1),
        full.toFixed(1),
        digits(ours.standardDeviation, certified).toFixed(1),
        digits(theirs.deviation, certified).toFixed(1),
        (knownDeviations[name] ?? full).toFixed(1),
      ),
    );
  }
}
console.log(`
The deviation of NumAcc3 and NumAcc4 is that of the decimal values; the doubles nearest to them have
another one, which no method gets nearer to than 9.5 and 8.3 digits.`);
