import 'reflect-metadata';
import {
  Clock,
  Stores,
  SystemClock,
  type Observer,
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
import type { DeployedSimulation } from '../simulation.js';
import { variables } from '../wire/index.js';
import { openDatabase } from '../open-database.js';

/** Key of the function's simulation, a {@link ParsedSimulation}. */
export const Simulation = Symbol('simulation');

/** Binds the steps to the database that the environment names. */
async function buildContainer(
  deployed: DeployedSimulation | undefined,
  observer: Observer | undefined,
): Promise<Container> {
  const averages = variables.averagesDatabase.fromEnvironment(process.env);
  const dataSource = await openDatabase(variables.database.fromEnvironment(process.env));
  const container = new Container();
  container.loadSync(
    sqlStoresModule(dataSource, averages && { averages: await openDatabase(averages) }),
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
    observer,
  };
  container
    .bind(RetrieveRunId)
    .toResolvedValue(
      (simulation: ParsedSimulation, stores: Stores, clock: Clock) =>
        new RetrieveRunId(
          stores,
          checkedSimulation(simulation, stores.values, clock, settings),
          simulation.name ?? deployed?.name,
        ),
      [Simulation, Stores, Clock],
    );
  container
    .bind(WriteToDb)
    .toResolvedValue(
      (simulation: ParsedSimulation, stores: Stores, clock: Clock) =>
        new WriteToDb(simulation, stores, clock, settings),
      [Simulation, Stores, Clock],
    );
  container
    .bind(RecordFailure)
    .toResolvedValue((stores: Stores) => new RecordFailure(stores), [Stores]);
  container
    .bind(AggregateAndStoreValue)
    .toResolvedValue((stores: Stores) => new AggregateAndStoreValue(stores), [Stores]);
  return container;
}

let container: Promise<Container> | undefined;

/**
 * The function's container, built at its first event; a failure to build it is met again, not kept.
 * @param deployed the simulation, in the functions that are bundled with it
 * @param observer in the function that generates
 */
export function functionContainer(
  deployed?: DeployedSimulation,
  observer?: Observer,
): Promise<Container> {
  container ??= buildContainer(deployed, observer).catch((error: unknown) => {
    container = undefined;
    throw error;
  });
  return container;
}
