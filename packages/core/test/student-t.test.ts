import { studentT975 } from '../src/statistics/student-t.js';

describe('the 0.975 quantile of Student’s t', () => {
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
  ])('with %i degrees of freedom is %d', (degreesOfFreedom, quantile) => {
    expect(Math.abs(studentT975(degreesOfFreedom) - quantile)).toBeLessThan(1e-9);
  });

  // The distribution function is a finite sum (Abramowitz & Stegun 26.7.3 and 26.7.4), which the method
  // for many degrees of freedom does not use.
  it.each([1001, 1002, 1500, 2001])(
    'leaves 95 %% between with %i degrees of freedom',
    (degrees) => {
      const theta = Math.atan(studentT975(degrees) / Math.sqrt(degrees));
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

  it('falls with every degree of freedom, also where the method changes', () => {
    const quantiles = Array.from({ length: 1100 }, (_, index) => studentT975(index + 1));
    const rises = quantiles.filter((quantile, index) => quantile >= (quantiles[index - 1] ?? 13));
    expect(rises).toEqual([]);
  });

  it('changes its method without a step', () => {
    const [before, at, after, beyond] = [999, 1000, 1001, 1002].map(studentT975);
    const step = (from = NaN, to = NaN): number => from - to;
    expect(step(at, after) / step(before, at)).toBeCloseTo(1, 2);
    expect(step(at, after) / step(after, beyond)).toBeCloseTo(1, 2);
  });

  it('ends at the quantile of the normal distribution', () => {
    expect(studentT975(999_999_999)).toBeCloseTo(1.959963984540054, 8);
    expect(studentT975(999_999_999)).toBeGreaterThan(1.959963984540054);
  });
});
