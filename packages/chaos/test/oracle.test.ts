import { InProcessOrchestrator, type Run, type Stores } from '@stepcompute/core';
import { inMemoryStores } from '@stepcompute/inmemory-adapter';
import { examine, oracle, oracleVersions, type Finding } from '../src/oracle.js';

const request = { repetitions: 10, seed: 7, parameters: { scale: 3, offset: 20 } };

/**
 * The findings in a complete run.
 * @param told replaces parts of its record
 * @param scan replaces what its values are now
 */
async function findings(
  told: (run: Run) => Partial<Run>,
  scan?: Stores['values']['scan'],
): Promise<readonly Finding[]> {
  const stores = inMemoryStores();
  const orchestrator = new InProcessOrchestrator({
    generator: oracle,
    simulationVersion: oracleVersions.asked,
    stores,
  });
  const { run } = await orchestrator.run({ ...request, generatorName: 'oracle' });
  const lying: Stores = {
    ...stores,
    runs: Object.assign(Object.create(stores.runs) as Stores['runs'], {
      get: async () => ({ ...run, ...told(run) }),
    }),
    values: Object.assign(
      Object.create(stores.values) as Stores['values'],
      scan === undefined ? {} : { scan, read: stores.values.read.bind(stores.values) },
    ),
  };
  return examine(lying, run.id, {
    request: { ...request, generatorName: 'oracle' },
    repetitions: 10,
  });
}

describe('the examination of a run', () => {
  it('finds nothing where the record is what was asked', async () => {
    expect(await findings(() => ({}))).toEqual([]);
  });

  it.each<[string, (run: Run) => Partial<Run>, string]>([
    [
      'parameters',
      () => ({ parameters: { scale: 3 } }),
      'its parameters is {"scale":3}, asked was {"offset":20,"scale":3}',
    ],
    ['seed', () => ({ seed: 8 as never }), 'its seed is 8, asked was 7'],
    ['repetitions', () => ({ repetitions: 11 as never }), 'its repetitions is 11, asked was 10'],
    [
      'request as first asked',
      ({ request: first }) => ({ request: { ...first, repetitions: 9 as never } }),
      'as first asked, its repetitions is 9, asked was 10',
    ],
    ['measures', () => ({ measures: ['other'] }), 'its measures are other'],
    ['fingerprint', () => ({ simulation: [{}] }), 'its code is that of no fingerprint'],
    [
      'accepted fingerprint',
      ({ simulation }) => ({ simulation: [...simulation, { version: 'of nobody' }] }),
      'its code is that of version oracle/1; version of nobody',
    ],
  ])('finds a record of other %s', async (_, told, detail) => {
    expect(await findings(told)).toContainEqual({ check: 'record', detail });
  });

  it('finds a run that has its average and can’t be averaged again', async () => {
    const gone: Stores['values']['scan'] = async function* () {
      await Promise.resolve();
      throw new Error('no values');
    };
    expect(await findings(() => ({}), gone)).toEqual([
      { check: 'average', detail: 'none comes out now: Error: no values' },
    ]);
  });
});
