import 'reflect-metadata';
import {
  AverageStore,
  Clock,
  FailureStore,
  RunStore,
  SystemClock,
  ValueGenerator,
  ValueStore,
} from '@stepcompute/core';
import {
  AggregateAndStoreValue,
  RecordFailure,
  RetrieveRunId,
  WriteToDb,
} from '@stepcompute/core/adapters';
import { sqlStoresModule } from '@stepcompute/sql-store/inversify';
import { Container } from 'inversify';
import { openDataApi } from '../open-data-api.js';
import { variables } from '../wire/index.js';

/** Binds the steps to the database that the environment names. */
async function buildContainer(simulation: ValueGenerator | undefined): Promise<Container> {
  const averages = variables.averagesDatabase.fromEnvironment(process.env);
  const dataSource = await openDataApi(variables.database.fromEnvironment(process.env));
  const container = new Container();
  container.loadSync(
    sqlStoresModule(dataSource, averages && { averages: await openDataApi(averages) }),
  );
  container.bind(Clock).toConstantValue(new SystemClock());
  if (simulation !== undefined) container.bind(ValueGenerator).toConstantValue(simulation);
  container
    .bind(RetrieveRunId)
    .toResolvedValue(
      (runs: RunStore, values: ValueStore, failures: FailureStore) =>
        new RetrieveRunId({ runs, values, failures }),
      [RunStore, ValueStore, FailureStore],
    );
  container
    .bind(WriteToDb)
    .toResolvedValue(
      (generator: ValueGenerator, values: ValueStore, failures: FailureStore, clock: Clock) =>
        new WriteToDb(
          generator,
          { values, failures },
          clock,
          variables.settings.fromEnvironment(process.env),
        ),
      [ValueGenerator, ValueStore, FailureStore, Clock],
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
      (runs: RunStore, values: ValueStore, averages: AverageStore) =>
        new AggregateAndStoreValue({ runs, values, averages }),
      [RunStore, ValueStore, AverageStore],
    );
  return container;
}

let container: Promise<Container> | undefined;

/**
 * The function's container, built at its first event; a failure to build it is met again, not kept.
 * @param simulation what step 2 calls, in the one function that has that step
 */
export function functionContainer(simulation?: ValueGenerator): Promise<Container> {
  container ??= buildContainer(simulation).catch((error: unknown) => {
    container = undefined;
    throw error;
  });
  return container;
}
