import { isStepComputeError } from '@stepcompute/core';
import { migrateSchema } from '@stepcompute/sql-store';
import { backOff } from 'exponential-backoff';
import { variables } from '../wire/index.js';
import { lambdaHandler } from './lambda-handler.js';
import { openDatabase } from '../open-database.js';

/** Brings the schema up to date, in the averages' database too where that is another one. */
export const handler = lambdaHandler('migrate', async () => {
  const averages = variables.averagesDatabase.fromEnvironment(process.env);
  const database = variables.database.fromEnvironment(process.env);
  const breaking = variables.breakingSchema.fromEnvironment(process.env);
  for (const address of [database, ...(averages ? [averages] : [])]) {
    const dataSource = await openDatabase(address, false);
    // A lost answer leaves a transaction in doubt: the whole, which changes nothing twice, is repeated.
    await backOff(() => migrateSchema(dataSource, { breaking }), {
      numOfAttempts: 5,
      startingDelay: 500,
      jitter: 'full',
      retry: (error: unknown) =>
        isStepComputeError(error) && 'retryable' in error && error.retryable === true,
    });
  }
});
