import type { AddressInfo } from 'node:net';
import { CancelledError, type Orchestrator } from '@stepcompute/core';
import { simulate } from '@stepcompute/inmemory-adapter';
import { inMemoryStoresModule, inProcessModule } from '@stepcompute/inmemory-adapter/inversify';
import { sqlStoresModule } from '@stepcompute/sql-store/inversify';
import { openPglite } from '@stepcompute/sql-store/pglite';
import { Container, type ContainerModule } from 'inversify';
import { LatencyBudget } from '../src/latency-budget.js';
import { latencyBudgetModule } from '../src/latency-budget-module.js';
import { latencyServer } from '../src/latency-server.js';
import { logRuns } from '../src/log-runs.js';

function latencyBudget(stores: ContainerModule): LatencyBudget {
  const container = new Container();
  container.loadSync(stores, inProcessModule(), latencyBudgetModule());
  return container.get(LatencyBudget);
}

describe('the latency budget, in memory', () => {
  it('tells a generous budget from a tight one', async () => {
    const budget = latencyBudget(inMemoryStoresModule());
    expect(await budget.check('1.4.2', 1000)).toMatchObject({ verdict: 'within' });
    expect(await budget.check('1.4.2', 100)).toMatchObject({ verdict: 'over' });
  });

  it('leaves a budget undecided that lies within the interval', async () => {
    const budget = latencyBudget(inMemoryStoresModule());
    const { meanMs } = await budget.check('1.4.2', 1);
    expect(await budget.check('1.4.2', meanMs)).toMatchObject({ verdict: 'undecided' });
  });

  it('simulates a release once', async () => {
    const budget = latencyBudget(inMemoryStoresModule());
    const first = await budget.check('1.4.2', 300);
    const again = await budget.check('1.4.2', 300);
    const other = await budget.check('1.4.3', 300);
    expect(again).toEqual(first);
    expect(other.runId).not.toBe(first.runId);
  });

  it('refuses a budget that is no time at all', async () => {
    const budget = latencyBudget(inMemoryStoresModule());
    for (const budgetMs of [0, -1, NaN]) {
      await expect(budget.check('1.4.2', budgetMs)).rejects.toMatchObject({
        name: 'InvalidInputError',
        field: 'budgetMs',
      });
    }
  });
});

describe('the latency budget, in PostgreSQL', () => {
  it('remembers a release when the service starts again', async () => {
    const dataSource = await openPglite({});
    try {
      const first = await latencyBudget(sqlStoresModule(dataSource)).check('1.4.2', 300);
      const restarted = latencyBudget(sqlStoresModule(dataSource));
      expect(await restarted.check('1.4.2', 300)).toEqual(first);
    } finally {
      await dataSource.destroy();
    }
  });
});

describe('the latency server', () => {
  const server = latencyServer(latencyBudget(inMemoryStoresModule()));
  const get = (path: string): Promise<Response> =>
    fetch(`http://localhost:${(server.address() as AddressInfo).port}${path}`);

  beforeAll((done) => {
    server.listen(0, done);
  });
  afterAll((done) => {
    server.close(done);
  });

  it('answers with the verdict', async () => {
    const response = await get('/checkout-latency?release=1.4.2&budgetMs=1000');
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ release: '1.4.2', verdict: 'within' });
  });

  it('passes parameters on, which the simulation checks', async () => {
    const ask = async (parameters: string): Promise<{ quotesMs: number; error?: string }> => {
      const answer = await get(`/checkout-latency?release=1.4.2&budgetMs=300&${parameters}`);
      return (await answer.json()) as { quotesMs: number; error?: string };
    };
    const patient = await ask('quoteTimeoutMs=1000');
    const hasty = await ask('quoteTimeoutMs=50');
    expect(hasty.quotesMs).toBeLessThanOrEqual(50);
    expect(patient.quotesMs).toBeGreaterThan(50);
    expect((await ask('quoteTimeout=50')).error).toContain('one of quoteTimeoutMs');
    expect((await ask('quoteTimeoutMs=soon')).error).toContain('a finite number');
  });

  it('gives up when its time is up, and says so', async () => {
    // A run that ends when it is told to, and not before.
    const endless: Orchestrator = {
      run: (_request, options) =>
        new Promise((_resolve, reject) => {
          options?.signal?.addEventListener('abort', () => reject(new CancelledError()));
        }),
      resume: () => Promise.reject(new Error('a service that resumes nothing')),
    };
    const hasty = latencyServer(new LatencyBudget(endless), 1);
    await new Promise<void>((resolve) => {
      hasty.listen(0, '127.0.0.1', resolve);
    });
    const { port } = hasty.address() as AddressInfo;
    const path = '/checkout-latency?release=1.4.2&budgetMs=300';
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    expect(response.status).toBe(504);
    await new Promise((resolve) => hasty.close(resolve));
  });

  it('logs how runs end, and what failed of them', async () => {
    const lines: string[] = [];
    const logger = {
      info: (_: object, message: string) => lines.push(`info ${message}`),
      warn: (_: object, message: string) => lines.push(`warn ${message}`),
    };
    await simulate(
      ({ iterationId }) => {
        if (iterationId === 1) throw new Error('no value');
        return iterationId;
      },
      { repetitions: 3, tolerance: 1, observer: logRuns(logger) },
    );
    expect(lines).toEqual(['warn iteration 1 of run 1 failed', 'info run 1 completed']);
  });

  it('says what is wrong with a question', async () => {
    const response = await get('/checkout-latency?release=1.4.2&budgetMs=soon');
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({
      error: 'budgetMs must be a number of milliseconds from 1 to 31536000000 (365 days); got NaN',
    });
    expect((await get('/')).status).toBe(404);
  });

  it('stops the simulation when its client hangs up', async () => {
    const client = new AbortController();
    const stopped = new Promise<void>((resolve) => {
      const endless: Orchestrator = {
        run: (_request, options) =>
          new Promise((_resolve, reject) => {
            options?.signal?.addEventListener('abort', () => {
              reject(new CancelledError());
              resolve();
            });
            client.abort();
          }),
        resume: () => Promise.reject(new Error('a service that resumes nothing')),
      };
      const endlessServer = latencyServer(new LatencyBudget(endless)).listen(0, () => {
        const { port } = endlessServer.address() as AddressInfo;
        const path = '/checkout-latency?release=1.4.2&budgetMs=300';
        fetch(`http://localhost:${port}${path}`, { signal: client.signal }).catch(() =>
          endlessServer.close(),
        );
      });
    });
    await stopped;
  });
});
