import { defineSimulation, InProcessOrchestrator } from '@stepcompute/core';
import { z } from 'zod';
import { inMemoryStores, simulate } from '../src/index.js';

/** A simulation whose schema is of another library; the types come from it. */
const priced = defineSimulation({
  parameters: z.object({
    strike: z.number().positive(),
    steps: z.array(z.int()).default([1, 2]),
    start: z.string().transform((day) => Date.parse(day)),
  }),
  generate: ({ parameters: { strike, steps, start } }) => strike + steps.length + start,
});

describe('parameters with a schema of zod', () => {
  it('are recorded as it answers, and given so to every iteration, of a resumed run too', async () => {
    const stores = inMemoryStores();
    const orchestrator = new InProcessOrchestrator({ generator: priced, stores });
    const parameters = { strike: 10, start: '1970-01-01T00:00:01Z' };
    const { run, average } = await orchestrator.run({ repetitions: 3, parameters });
    expect(run.parameters).toEqual({ start: 1000, steps: [1, 2], strike: 10 });
    expect(average.mean).toBe(1012);
    // The answer itself would not pass the schema again.
    const extended = await orchestrator.resume(run.id, { repetitions: 5 });
    expect(extended.average).toMatchObject({ count: 5, mean: 1012 });
  });

  it.each([
    [
      { strike: -1, start: '2026-01-01' },
      'parameter strike must be as the simulation’s schema has it',
    ],
    [{ strike: 1 }, 'parameter start must be as the simulation’s schema has it'],
    [{ strike: 1, start: 'x', steps: [1, 0.5] }, 'parameter steps.1 must be as'],
  ])('are refused as it says: %j', async (parameters, message) => {
    await expect(simulate(priced, { repetitions: 1, parameters })).rejects.toThrow(message);
  });
});
