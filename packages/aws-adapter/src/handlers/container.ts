import 'reflect-metadata';
import {
  AverageStore,
  Clock,
  FailureStore,
  RunStore,
  SystemClock,
  ValueStore,
  type WriteToDbSettings,
} from '@stepcompute/core';
import {
  AggregateAndStoreValue,
  checkedSimulation,
  parseSimulation,
  RecordFailure,
  RetrieveRunId,
  WriteToDb,
  type ParsedSimulation,
} from '@stepcompute/core/adapters';
import { sqlStoresModule } from '@stepcompute/sql-store/inversify';
import { Container } from 'inversify';
import { openDataApi } from '../open-data-api.js';
import type { DeployedSimulation } from '../simulation.js';
import { variables } from '../wire/index.js';

/** The function's simulation, as a container holds it. */
const Simulation = Symbol('simulation');

/** Binds the steps to the database that the environment names. */
async function buildContainer(deployed: DeployedSimulation | undefined): Promise<Container> {
  const averages = variables.averagesDatabase.fromEnvironment(process.env);
  const dataSource = await openDataApi(variables.database.fromEnvironment(process.env));
  const container = new Container();
  container.loadSync(
    sqlStoresModule(dataSource, averages && { averages: await openDataApi(averages) }),
  );
  container.bind(Clock).toConstantValue(new SystemClock());
  if (deployed !== undefined) {
    container.bind(Simulation).toConstantValue(parseSimulation(deployed.exported));
  }
  const settings: WriteToDbSettings = {
    ...variables.settings.fromEnvironment(process.env),
    simulationVersion: deployed?.fingerprint,
    // The fingerprint tells, for each pair and block.
    checkStored: false,
  };
  container
    .bind(RetrieveRunId)
    .toResolvedValue(
      (
        simulation: ParsedSimulation,
        runs: RunStore,
        values: ValueStore,
        failures: FailureStore,
        clock: Clock,
      ) =>
        new RetrieveRunId(
          { runs, values, failures },
          checkedSimulation(simulation, values, clock, settings),
          simulation.name ?? deployed?.name,
        ),
      [Simulation, RunStore, ValueStore, FailureStore, Clock],
    );
  container
    .bind(WriteToDb)
    .toResolvedValue(
      (simulation: ParsedSimulation, values: ValueStore, failures: FailureStore, clock: Clock) =>
        new WriteToDb(simulation, { values, failures }, clock, settings),
      [Simulation, ValueStore, FailureStore, Clock],
    );
  container
    .bind(RecordFailure)
    .toResolvedValue(
      (runs: RunStore, values: ValueStore, failures: FailureStore) =>
        new RecordFailure({ runs, values, failures }),
      [RunStore, ValueStore, FailureStore],
    );
  container
    .bind(AggregateAndStoreValue)
    .toResolvedValue(
      (runs: RunStore, values: ValueStore, failures: FailureStore, averages: AverageStore) =>
        new AggregateAndStoreValue({ runs, values, failures, averages }),
      [RunStore, ValueStore, FailureStore, AverageStore],
    );
  return container;
}

let container: Promise<Container> | undefined;

/**
 * The function's container, built at its first event; a failure to build it is met again, not kept.
 * @param deployed the simulation, in the functions that are bundled with it
 */
export function functionContainer(deployed?: DeployedSimulation): Promise<Container> {
  container ??= buildContainer(deployed).catch((error: unknown) => {
    container = undefined;
    throw error;
  });
  return container;
}
