import { binomialProbabilities } from '../src/statistics/binomial.js';

/** P(X ≤ k) and P(X > k) for p = numerator / 2^bits, in whole numbers. */
function exactly(k: number, n: number, numerator: bigint, bits: bigint): [number, number] {
  const [p, q] = [numerator, (1n << bits) - numerator];
  let term = q ** BigInt(n);
  let [atMost, more] = [0n, 0n];
  for (let j = 0; j <= n; j += 1) {
    if (j <= k) atMost += term;
    else more += term;
    if (j < n) term = (term * BigInt(n - j) * p) / (BigInt(j + 1) * q);
  }
  return [atMost, more].map((sum) => toDouble(sum, bits * BigInt(n))) as [number, number];
}

/** numerator / 2^shift, to a few units in the last place. */
function toDouble(numerator: bigint, shift: bigint): number {
  const excess = BigInt(Math.max(0, numerator.toString(2).length - 64));
  return Number(numerator >> excess) * 2 ** Number(excess - shift);
}

describe('the binomial distribution', () => {
  it.each([
    [1, 1n, 1n],
    [2, 1n, 2n],
    [10, 3n, 3n],
    [50, 61n, 6n],
    [100, 1n, 1n],
    [300, 1n, 8n],
    [1000, 19n, 5n],
  ])('is exact in both tails: n = %d, p = %d / 2^%d', (n, numerator, bits) => {
    const p = Number(numerator) / 2 ** Number(bits);
    for (let k = 0; k < n; k += Math.ceil(n / 20)) {
      const { atMost, more } = binomialProbabilities(k, n, p);
      const [lower, upper] = exactly(k, n, numerator, bits);
      // Down to where doubles end.
      if (Math.min(lower, upper) < 1e-300) continue;
      expect(Math.abs(atMost / lower - 1)).toBeLessThan(1e-12);
      expect(Math.abs(more / upper - 1)).toBeLessThan(1e-12);
    }
  });

  // By mpmath 1.3.0 with 50 digits: the terms, from exp(loggamma(…)), summed from k downwards.
  it.each([
    [4655, 100000, 0.05, 2.1820215812906932e-7],
    [4864, 100000, 0.05, 0.024284065315504793],
    [4965, 100000, 0.05, 0.30890860895946803],
    [497500, 1000000, 0.5, 2.881270818870302e-7],
    [499020, 1000000, 0.5, 0.02505636626639312],
    [499750, 1000000, 0.5, 0.30888970302523205],
    [9989500, 10000000, 0.999, 3.5532667425256315e-7],
    [9989804, 10000000, 0.999, 0.0255094064405251],
    [9989950, 10000000, 0.999, 0.309769726503966],
    [499969009, 1000000000, 0.5, 0.024997233778622847],
    [9993833, 1000000000, 0.01, 0.02499848683426152],
  ])('of at most %d of %d at %d is %d', (k, n, p, probability) => {
    expect(Math.abs(binomialProbabilities(k, n, p).atMost / probability - 1)).toBeLessThan(1e-12);
  });

  it('halves an even number of coins about their middle', () => {
    // P(X ≤ n/2) = ½ + ½ · P(X = n/2), and of so many that is 1 / √(π · n / 2) less an eighth of an n-th of it.
    const n = 1_000_000_000;
    const middle = (1 / Math.sqrt((Math.PI * n) / 2)) * (1 - 1 / (4 * n));
    expect(binomialProbabilities(n / 2, n, 0.5).atMost).toBeCloseTo(0.5 + middle / 2, 12);
  });

  it('knows what cannot happen, and what must', () => {
    expect(binomialProbabilities(-1, 5, 0.3)).toEqual({ atMost: 0, more: 1 });
    expect(binomialProbabilities(5, 5, 0.3)).toEqual({ atMost: 1, more: 0 });
    expect(binomialProbabilities(0, 5, 0)).toEqual({ atMost: 1, more: 0 });
    expect(binomialProbabilities(4, 5, 1)).toEqual({ atMost: 0, more: 1 });
  });
});
