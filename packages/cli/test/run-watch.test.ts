import {
  CancelledError,
  InProcessOrchestrator,
  PersistenceError,
  type Run,
} from '@stepcompute/core';
import { inMemoryStores } from '@stepcompute/inmemory-adapter';
import { knownOf } from '../src/run-watch.js';

describe('what is known of a run that ended with an error', () => {
  const stores = inMemoryStores();
  const gone = (): Promise<never> =>
    Promise.reject(new PersistenceError('gone', { retryable: true }));
  const asked = jest.fn(gone);
  const fallen = {
    runs: { ...stores.runs, get: asked },
    failures: { ...stores.failures, ledger: asked },
  } as unknown as typeof stores;
  const error = new Error('its own');
  const ledger = { requested: 3, completed: 3, failed: 0, missing: 0 };
  let run: Run;
  beforeAll(async () => {
    const orchestrator = new InProcessOrchestrator({ stores, generator: () => 1 });
    ({ run } = await orchestrator.run({ repetitions: 3, seed: 1 }));
  });
  beforeEach(() => asked.mockClear());

  it('is its record and its ledger', async () => {
    expect(await knownOf(run, error, stores)).toEqual({ run, ledger });
  });

  it('is nothing where the stores fail too: their error does not replace the run’s', async () => {
    expect(await knownOf(run, error, fallen)).toBeUndefined();
    expect(asked).toHaveBeenCalled();
  });

  it('is asked of no store that has just failed or fallen silent', async () => {
    const outage = new PersistenceError('no answer', { retryable: true });
    const silent = new CancelledError(run.id, undefined, { isKnown: false });
    for (const thrown of [outage, silent]) {
      expect(await knownOf(run, thrown, fallen)).toBeUndefined();
    }
    const cancelled = new CancelledError(run.id, ledger);
    expect(await knownOf(run, cancelled, fallen)).toEqual({
      run: { ...run, status: 'cancelled' },
      ledger,
    });
    expect(asked).not.toHaveBeenCalled();
  });
});
