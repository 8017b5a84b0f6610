import type { TestRunner } from '@stepcompute/core/testing';
import { inMemoryStores } from '@stepcompute/inmemory-adapter';
import type { ChaosSubject } from '../src/chaos-subject.js';
import { plantedBugs } from '../src/planted-bugs.js';
import { testChaos, type ChaosSuiteOptions } from '../src/test-chaos.js';
import { subjectOver } from './subject.js';

/** The one test that the suite defines. */
function definedTest(subject: ChaosSubject, options: ChaosSuiteOptions): () => Promise<void> {
  let defined: (() => Promise<void>) | undefined;
  const runner: TestRunner = {
    describe: (_, define) => define(),
    it: (_, test) => (defined = test),
  };
  testChaos(runner, subject, options);
  return defined!;
}

describe('testChaos', () => {
  it('passes correct stores', async () => {
    await definedTest(subjectOver(inMemoryStores()), { schedules: 5 })();
  });

  it('fails stores with a bug, and names the schedule and the seed that show it', async () => {
    const bug = plantedBugs.find(({ name }) => name === 'drops a value')!;
    const test = definedTest(bug.plant(subjectOver(inMemoryStores())), { schedules: 30, seed: 1 });
    await expect(test()).rejects.toThrow(/^schedule 0 of seed 1: (ledger|lost value): /);
  });

  it.each([
    [{ schedules: 0 }, 'schedules must be an integer from 1 to 10000000'],
    [{ schedules: 10_000_001 }, 'schedules must be an integer from 1 to 10000000'],
    [{ schedule: 5 } as ChaosSuiteOptions, 'options must be an object with schedules, seed alone'],
    [{ seed: 2 ** 53 }, 'seed must be an integer from 0 to 9007199254740991'],
  ])('refuses %j', (options, limit) => {
    expect(() => definedTest(subjectOver(inMemoryStores()), options)).toThrow(limit);
  });
});
