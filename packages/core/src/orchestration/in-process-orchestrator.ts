import { refuseUnknown, type FieldNames } from '../errors/unknown-fields.js';
import type { Stores } from '../ports/stores.js';
import type { AnySimulation } from '../simulation/simulation.js';
import { settingsFields, WriteToDb, type WriteToDbSettings } from '../steps/write-to-db.js';
import type { Clock } from '../time/clock.js';
import { Orchestration } from './orchestration.js';

export interface InProcessOrchestratorProps extends WriteToDbSettings {
  /** The simulation: a function, or an object with its name, its parameters and `generate`. */
  readonly generator: AnySimulation;
  readonly stores: Stores;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
}

const propsFields: FieldNames<InProcessOrchestratorProps> = {
  generator: true,
  stores: true,
  clock: true,
  ...settingsFields,
};

/**
 * Runs the three steps in this process: iterations side by side under `Promise.all`.
 * @example
 * const orchestrator = new InProcessOrchestrator({ generator: ({ random }) => random.uniform(), stores });
 * const { run, average } = await orchestrator.run({ repetitions: 1000, seed: 42 });
 */
export class InProcessOrchestrator extends Orchestration {
  /** @throws InvalidInputError when the generator is no simulation, or a property is out of range or unknown */
  constructor(props: InProcessOrchestratorProps) {
    const { generator, stores, clock, ...settings } = refuseUnknown(
      props,
      'properties',
      propsFields,
    );
    super({
      stores,
      executor: new WriteToDb(generator, stores, clock, settings),
      simulation: generator,
      settings,
      clock,
    });
  }
}
