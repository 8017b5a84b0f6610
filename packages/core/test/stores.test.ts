import { completeAverage, refuseOtherAverage } from '../src/statistics/average.js';
import { averageOf } from '../src/statistics/averaging.js';
import { RunId } from '../src/run/numbers.js';

const runId = RunId.parse(4);

describe('the average that is kept', () => {
  const kept = averageOf([1, 2, 4.5]);

  it('is the one that is offered again', () => {
    expect(() => {
      refuseOtherAverage(runId, kept, averageOf([1, 2, 4.5]));
    }).not.toThrow();
    const single = averageOf([3]);
    expect(() => {
      refuseOtherAverage(runId, single, completeAverage(single));
    }).not.toThrow();
  });

  it('is answered with, whatever its figures, when it was taken in another way', () => {
    const earlier = { ...kept, method: null, mean: 2.5000000000000004 };
    expect(refuseOtherAverage(runId, earlier, kept)).toBe(earlier);
  });

  it.each([
    ['mean', 2.5000000000000004],
    ['standardDeviation', null],
    ['minimum', 0],
    ['maximum', 5],
  ] as const)('is refused when its %s is %p', (figure, other) => {
    const offered = { ...kept, [figure]: other };
    expect(() => {
      refuseOtherAverage(runId, kept, offered);
    }).toThrow(
      expect.objectContaining({
        name: 'PersistenceError',
        retryable: false,
        message:
          `run 4 already has an average over 3 values whose ${figure} is ` +
          `${kept[figure]}, not ${other}: its values have been altered since`,
      }) as Error,
    );
  });
});
