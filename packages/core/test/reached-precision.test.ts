import { averageOf } from '../src/statistics/averaging.js';
import { reachedPrecision } from '../src/statistics/reached-precision.js';
import { parseRunRequest } from '../src/run/request.js';

it('has an interval at any confidence, with however many looks', () => {
  const halfWidthAt = (confidence: number, maximum: number): number => {
    const precision = { halfWidth: 1, confidence, maximum };
    const run = parseRunRequest({ repetitions: 3, seed: 1, precision }, { measures: ['value'] });
    return reachedPrecision(run, { value: averageOf([1, 2, 3]) })!.halfWidth!;
  };
  // Of two degrees of freedom: t = (2p − 1) ⋅ √(2 / (4p (1 − p))).
  const tail = (outside: number): number =>
    (1 - outside) / Math.sqrt((outside * (2 - outside)) / 2);
  for (const [confidence, maximum, looks] of [
    [0.95, 3, 1],
    [0.95, 48, 5],
    [1 - 2 ** -53, 1_000_000_000, 30],
  ] as const) {
    const expected = tail((1 - confidence) / looks) / Math.sqrt(3);
    expect(halfWidthAt(confidence, maximum) / expected).toBeCloseTo(1, 12);
  }
});
