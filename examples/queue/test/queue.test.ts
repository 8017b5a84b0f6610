import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Average } from '@stepcompute/core';
import { simulate } from '@stepcompute/inmemory-adapter';
import { customersFound, meanWait, probabilityToWait, waitExceededBy } from '../erlang-c.js';
import queue, { counter } from '../simulation.js';

const [, ...rows] = readFileSync(join(__dirname, '../design.csv'), 'utf8').trimEnd().split('\n');
const scenarios = rows.map((row) => {
  const [name = '', servers, serviceRate] = row.split(',');
  return { name, parameters: { servers: Number(servers), serviceRate: Number(serviceRate) } };
});

/**
 * The mean is within four of its standard errors, which a right one leaves for 6 seeds of 100,000; and
 * the errors are small, since wide ones agree with anything.
 */
function expectMean({ mean, standardError }: Average, exact: number): void {
  expect(Math.abs(mean - exact)).toBeLessThan(4 * (standardError ?? NaN));
  expect(standardError).toBeLessThan(0.02 * exact);
}

describe('Erlang’s formula', () => {
  it('is the textbook’s for one server and for two', () => {
    expect(probabilityToWait({ arrivalRate: 0.8, serviceRate: 1, servers: 1 })).toBeCloseTo(
      0.8,
      12,
    );
    const load = 0.8;
    const two = { arrivalRate: 0.8, serviceRate: 0.5, servers: 2 };
    expect(probabilityToWait(two)).toBeCloseTo((2 * load ** 2) / (1 + load), 12);
    // a²⁰⁰ / 200! would be no number.
    const many = { arrivalRate: 180, serviceRate: 1, servers: 200 };
    expect(probabilityToWait(many)).toBeGreaterThan(0);
    expect(probabilityToWait(many)).toBeLessThan(0.9);
  });

  it('refuses a queue that never gets on top of its work, and one without whole servers', () => {
    expect(() => meanWait({ arrivalRate: 1, serviceRate: 0.5, servers: 2 })).toThrow(
      'below serviceRate · servers, or the queue grows for ever: 1, 0.5 · 2',
    );
    expect(() => meanWait({ arrivalRate: 1, serviceRate: 2, servers: 1.5 })).toThrow(
      'servers must be an integer of 1 or more: 1.5',
    );
  });

  it('has as many customers found as the birth-death chain’s balance says', () => {
    const three = { arrivalRate: 0.8, serviceRate: 0.5, servers: 3 };
    const count = 100_000;
    const counts: number[] = [];
    for (let i = 0; i < count; i += 1) {
      const found = customersFound(three, (i + 0.5) / count);
      counts[found] = (counts[found] ?? 0) + 1;
    }
    for (let n = 1; n < 10; n += 1) {
      // The flow up from n − 1 customers is the flow down from n.
      const up = three.arrivalRate * (counts[n - 1] ?? 0);
      const down = three.serviceRate * Math.min(n, three.servers) * (counts[n] ?? 0);
      expect(Math.abs(up - down)).toBeLessThan(3); // each count is off by less than 2
    }
  });
});

describe.each(scenarios)('the queue $name', ({ parameters }) => {
  const exact = { ...counter, ...parameters };

  it.each([
    [1, 50_000],
    [100, 4000],
  ])('has the mean wait of Erlang’s formula, customers: %d', async (customers, repetitions) => {
    const { averages } = await simulate(queue, {
      repetitions,
      seed: 42,
      parameters: { ...parameters, customers },
    });
    expectMean(averages.wait, meanWait(exact));
    expectMean(averages.queued, probabilityToWait(exact));
    expectMean(averages.stay, meanWait(exact) + 1 / exact.serviceRate);
  });

  it('has the 95 % quantile of a customer’s wait', async () => {
    const repetitions = 20_000;
    const { values } = await simulate(queue, {
      repetitions,
      seed: 42,
      parameters: { ...parameters, customers: 1 },
    });
    const quantile = waitExceededBy(0.05, exact);
    const exceeding = values.filter((wait) => wait > quantile).length;
    const error = Math.sqrt(0.05 * 0.95 * repetitions);
    expect(Math.abs(exceeding - 0.05 * repetitions)).toBeLessThan(4 * error);
  });
});

it('has the same customers in every scenario of a seed', async () => {
  // The stay less the wait is the service alone: the same work, at another speed.
  const services = await Promise.all(
    scenarios.map(async ({ parameters }) => {
      const { valuesOf } = await simulate(queue, { repetitions: 10, seed: 42, parameters });
      const { wait, stay } = valuesOf;
      return wait.map((value, i) => (stay[i]! - value) * parameters.serviceRate);
    }),
  );
  for (const service of services) {
    for (const [i, work] of service.entries()) expect(work).toBeCloseTo(services[0]![i]!, 9);
  }
});

it('fails with what was wrong', async () => {
  const run = (parameters: Partial<typeof counter>) =>
    simulate(queue, { repetitions: 10, seed: 42, parameters });
  await expect(run({ customers: 0 })).rejects.toThrow(
    'customers must be an integer of 1 or more: 0',
  );
  await expect(run({ servers: 0 })).rejects.toThrow('servers must be an integer of 1 or more: 0');
  await expect(run({ servers: 1.5 })).rejects.toThrow(
    'servers must be an integer of 1 or more: 1.5',
  );
  await expect(run({ arrivalRate: 1 })).rejects.toThrow('or the queue grows for ever: 1, 1 · 1');
});
