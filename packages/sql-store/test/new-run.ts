import { Milliseconds, Repetitions, RunParameters, Seed, Tolerance } from '@stepcompute/core';
import type { NewRun } from '@stepcompute/core/adapters';

/** A run to allocate, without the request's defaults and checks around it. */
export function parseNewRun(run: { repetitions: number; seed: number }): NewRun {
  const request = {
    repetitions: Repetitions.parse(run.repetitions),
    seed: Seed.parse(run.seed),
    delayMs: Milliseconds.parse(0, 'delay'),
    parameters: RunParameters.none,
    generatorName: 'test',
    tolerance: Tolerance.none,
    idempotencyKey: undefined,
    label: undefined,
    precision: undefined,
    experiment: undefined,
    experimentKey: undefined,
    scenario: undefined,
  };
  return { ...request, request, simulation: [{}], measures: ['value'], versions: undefined };
}
