import { ExecuteStatementCommand, RDSDataClient } from '@aws-sdk/client-rds-data';

const client = new RDSDataClient({});

/** One statement, and no more than it takes to send it. */
export const handler = (event) => client.send(new ExecuteStatementCommand(event));
