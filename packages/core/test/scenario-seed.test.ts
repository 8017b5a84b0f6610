import { Experiment } from '../src/orchestration/experiment.js';
import type { RunRequest } from '../src/run/request.js';
import { FakeStores } from './fakes.js';

/** The seeds that an experiment asks for, by the names of its scenarios. */
async function seedsOf(
  names: readonly string[],
  design: { readonly seed?: number; readonly independent?: boolean },
): Promise<readonly (number | undefined)[]> {
  const asked: RunRequest[] = [];
  const orchestrator = {
    run: (request: RunRequest) => {
      asked.push(request);
      return Promise.resolve({ run: { repetitions: request.repetitions } } as never);
    },
    resume: () => Promise.reject(new Error('there is nothing to resume')),
  };
  const experiment = new Experiment({ orchestrator, stores: new FakeStores() });
  const scenarios = names.map((name) => ({ name }));
  await experiment.run({ name: 'e', repetitions: 1, scenarios, ...design });
  return asked.map(({ seed }) => seed);
}

describe('the seeds of scenarios', () => {
  it('are one, drawn where none is given', async () => {
    expect(await seedsOf(['a', 'b'], { seed: 0 })).toEqual([0, 0]);
    const [first, second] = await seedsOf(['a', 'b'], {});
    expect(first).toBeGreaterThanOrEqual(0);
    expect(second).toBe(first);
  });

  // By the Python of docs/random-stream.md.
  it.each([
    [
      42,
      [
        4911888413454434, 7048242577898689, 6614458369765258, 1714981427811999, 7945631737993518,
        3602297166147213,
      ],
    ],
    [
      0,
      [
        5298541650061039, 3151490329108125, 8068979285044983, 1690464395300161, 8175160445306526,
        1572861174950865,
      ],
    ],
  ])(
    'are those of their names where they are independent, from seed %d',
    async (seed, expected) => {
      const names = ['a', 'b', 'ab', 'strike=90', 'é', '😀'];
      expect(await seedsOf(names, { seed, independent: true })).toEqual(expected);
    },
  );

  it('are left to each run where they are independent and none is given', async () => {
    expect(await seedsOf(['a', 'b'], { independent: true })).toEqual([undefined, undefined]);
  });
});
