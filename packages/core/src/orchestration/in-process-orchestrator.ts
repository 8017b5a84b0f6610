import type { Stores } from '../ports/stores.js';
import type { ValueGenerator } from '../simulation/generator.js';
import { WriteToDb, type WriteToDbSettings } from '../steps/write-to-db.js';
import type { Clock } from '../time/clock.js';
import { Orchestration } from './orchestration.js';

export interface InProcessOrchestratorProps extends WriteToDbSettings {
  /** The simulation. */
  readonly generator: ValueGenerator;
  readonly stores: Stores;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
}

/**
 * Runs the three steps in this process: iterations side by side under `Promise.all`.
 * @example
 * const orchestrator = new InProcessOrchestrator({ generator: ({ random }) => random.uniform(), stores });
 * const { run, average } = await orchestrator.run({ repetitions: 1000, seed: 42 });
 */
export class InProcessOrchestrator extends Orchestration {
  /** @throws InvalidInputError when the generator is no function or a setting is out of range */
  constructor({ generator, stores, clock, ...settings }: InProcessOrchestratorProps) {
    super({
      stores,
      executor: new WriteToDb(generator, stores, clock, settings),
      generatorName: generator.name || undefined,
    });
  }
}
