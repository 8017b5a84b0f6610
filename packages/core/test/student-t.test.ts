import { studentTQuantile } from '../src/statistics/student-t.js';

describe('the quantile of Student’s t', () => {
  // By mpmath 1.3.0 with 60 digits: Newton's method on betainc(v/2, 1/2, 0, v/(v+t²), regularized=True)/2, and
  // from v = 10^5 on, on the density's integral by quad.
  it.each([
    [0.49999, 1, -0.00003141592654626478],
    [0.49999, 1.5, -0.000029348322161057757],
    [0.49999, 2.7182818, -0.000027430915517135427],
    [0.49999, 9.99, -0.00002570042034103163],
    [0.49999, 30, -0.00002527600226403995],
    [0.49999, 1001, -0.000025072543840121374],
    [0.49999, 54321.0123, -0.000025066398111042667],
    [0.49999, 1000000000, -0.000025066282755226578],
    [0.25, 1, -1],
    [0.25, 1.5, -0.8725946625415706],
    [0.25, 2.7182818, -0.7752335447861017],
    [0.25, 9.99, -0.699838192869729],
    [0.25, 30, -0.6827556933212926],
    [0.25, 1001, -0.6747349193584471],
    [0.25, 54321.0123, -0.67449426661393],
    [0.25, 1000000000, -0.6744897504414167],
    [0.025, 1, -12.706204736174705],
    [0.025, 1.5, -6.0166631044279315],
    [0.025, 2.7182818, -3.377420434948013],
    [0.025, 9.99, -2.2284412121637454],
    [0.025, 30, -2.042272456301238],
    [0.025, 1001, -1.96233670528088],
    [0.025, 54321.0123, -1.9600076568335245],
    [0.025, 1000000000, -1.9599639869123253],
    [5e-8, 1, -6366197.723675761],
    [5e-8, 1.5, -38457.3795391262],
    [5e-8, 2.7182818, -459.1348833073471],
    [5e-8, 9.99, -13.45419128752405],
    [5e-8, 30, -6.955747584265666],
    [5e-8, 1001, -5.366050975468464],
    [5e-8, 54321.0123, -5.3274440747123375],
    [5e-8, 1000000000, -5.326723925501277],
    [1e-12, 1, -318309886183.7907],
    [1e-12, 1.5, -52194694.27344635],
    [1e-12, 2.7182818, -24580.854338032736],
    [1e-12, 9.99, -40.618040881280365],
    [1e-12, 30, -11.397217523311411],
    [1e-12, 1001, -7.1241383012561075],
    [1e-12, 54321.0123, -7.03611854713546],
    [1e-12, 1000000000, -7.034483914083288],
  ])('at %d with %d degrees of freedom is %d', (probability, degreesOfFreedom, quantile) => {
    const error = studentTQuantile(probability, degreesOfFreedom) / quantile - 1;
    expect(Math.abs(error)).toBeLessThan(1e-14);
  });

  // Source: NIST/SEMATECH e-Handbook of Statistical Methods 1.3.6.7.2, to the digits of R's qt(0.975, df).
  it.each([
    [1, 12.7062047361747],
    [2, 4.30265272974946],
    [3, 3.18244630528371],
    [5, 2.57058183563631],
    [10, 2.22813885198627],
    [30, 2.04227245630124],
    [100, 1.98397151852355],
    [1000, 1.96233908082641],
    [1001, 1.96233670528088],
    [1_000_000, 1.95996635681411],
  ])('of a 95 %% interval with %i degrees of freedom is %d', (degreesOfFreedom, quantile) => {
    expect(Math.abs(studentTQuantile(0.975, degreesOfFreedom) - quantile)).toBeLessThan(1e-14 * 13);
  });

  // The distribution function is a finite sum (Abramowitz & Stegun 26.7.3 and 26.7.4), which shares nothing
  // with the source.
  it.each([1, 2, 3, 4, 17, 100, 1001, 1002, 1500, 2001])(
    'leaves 95 %% between with %i degrees of freedom',
    (degrees) => {
      const theta = Math.atan(studentTQuantile(0.975, degrees) / Math.sqrt(degrees));
      let [sum, term] = [0, degrees % 2 === 1 ? Math.cos(theta) : 1];
      for (let k = degrees % 2 === 1 ? 3 : 2; k <= degrees; k += 2) {
        sum += term;
        term *= ((k - 1) / k) * Math.cos(theta) ** 2;
      }
      const between =
        degrees % 2 === 1 ? (2 / Math.PI) * (theta + Math.sin(theta) * sum) : Math.sin(theta) * sum;
      expect(Math.abs(between - 0.95)).toBeLessThan(4e-14);
    },
  );

  // Both have closed forms: −cot πp, and (2p − 1) / √(2p(1 − p)).
  it.each([1e-200, 1e-9, 0.01, 0.2, 0.4999, 0.7])(
    'with one and with two degrees is exact at %d',
    (p) => {
      const ofTwo = (2 * p - 1) / Math.sqrt(2 * p * (1 - p));
      expect(Math.abs(studentTQuantile(p, 1) * Math.tan(Math.PI * p) + 1)).toBeLessThan(1e-12);
      expect(Math.abs(studentTQuantile(p, 2) / ofTwo - 1)).toBeLessThan(1e-12);
    },
  );

  it('is as far below zero as above, to the bit', () => {
    for (const p of [2 ** -30, 0.0625, 0.25, 0.375, 0.5]) {
      for (const degrees of [1, 2.5, 1e6]) {
        expect(studentTQuantile(p, degrees) + studentTQuantile(1 - p, degrees)).toBe(0);
      }
    }
  });

  it('rises with the probability and falls with every degree of freedom', () => {
    const byProbability = Array.from({ length: 999 }, (_, i) =>
      studentTQuantile((i + 1) / 1000, 7.5),
    );
    expect(byProbability).toEqual(byProbability.toSorted((a, b) => a - b));
    const byDegrees = Array.from({ length: 1100 }, (_, i) => studentTQuantile(0.975, (i + 1) / 2));
    expect(byDegrees).toEqual(byDegrees.toSorted((a, b) => b - a));
    expect(new Set(byDegrees).size).toBe(1100);
  });

  it('ends at the quantile of the normal distribution', () => {
    expect(studentTQuantile(0.975, 999_999_999)).toBeCloseTo(1.959963984540054, 8);
    expect(studentTQuantile(0.975, 999_999_999)).toBeGreaterThan(1.959963984540054);
  });

  it('leaves the range of doubles only where it must', () => {
    expect(studentTQuantile(1e-308, 1)).toBeLessThan(-3e307);
    expect(studentTQuantile(5e-324, 1)).toBe(-Infinity);
  });
});
