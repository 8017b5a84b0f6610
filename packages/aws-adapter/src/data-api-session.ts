import {
  BeginTransactionCommand,
  CommitTransactionCommand,
  ExecuteStatementCommand,
  RollbackTransactionCommand,
  type RDSDataClient,
} from '@aws-sdk/client-rds-data';
import { send } from './data-api-errors.js';
import { toParameter, toRow } from './data-api-values.js';

/** A database, and who asks it. */
export interface DataApiTarget {
  readonly client: RDSDataClient;
  readonly resourceArn: string;
  readonly secretArn: string;
  readonly database: string;
  readonly patienceMs?: number | undefined;
}

/** Rows, and as TypeORM reads them too: with themselves as `records`, and how many were changed. */
export type SessionResult = Record<string, unknown>[] & {
  readonly records: readonly Record<string, unknown>[];
  readonly numberOfRecordsUpdated: number;
};

/** TypeORM's aurora-postgres driver talks to it: one for each query runner, with at most one transaction. */
export class DataApiSession {
  #transactionId: string | undefined;

  constructor(private readonly target: DataApiTarget) {}

  /** @param parameters for the placeholders `$1`, `$2`, … */
  async query(sql: string, parameters: readonly unknown[] = []): Promise<SessionResult> {
    const { client, patienceMs, ...database } = this.target;
    const command = new ExecuteStatementCommand({
      ...database,
      // No statement of ours has a dollar sign and a digit anywhere else.
      sql: sql.replaceAll(/\$(\d+)/g, ':p$1'),
      parameters: parameters.map((value, index) => toParameter(`p${index + 1}`, value)),
      includeResultMetadata: true,
      ...(this.#transactionId !== undefined && { transactionId: this.#transactionId }),
    });
    const inTransaction = this.#transactionId !== undefined;
    const answer = await send(() => client.send(command), { inTransaction, patienceMs });
    const columns = answer.columnMetadata ?? [];
    const rows = (answer.records ?? []).map((fields) => toRow(fields, columns));
    return Object.assign(rows, {
      records: rows,
      numberOfRecordsUpdated: answer.numberOfRecordsUpdated ?? 0,
    });
  }

  async startTransaction(): Promise<void> {
    const { client, patienceMs, ...database } = this.target;
    const command = new BeginTransactionCommand(database);
    // One whose answer is lost holds nothing, and ends by itself.
    const options = { inTransaction: false, patienceMs };
    this.#transactionId = (await send(() => client.send(command), options)).transactionId;
  }

  async commitTransaction(): Promise<void> {
    const { client } = this.target;
    const command = new CommitTransactionCommand(this.#endTransaction());
    await this.#sendInTransaction(() => client.send(command));
  }

  async rollbackTransaction(): Promise<void> {
    const { client } = this.target;
    const command = new RollbackTransactionCommand(this.#endTransaction());
    await this.#sendInTransaction(() => client.send(command));
  }

  /** Whatever comes of it, nothing more can be done in the transaction. */
  #endTransaction(): { resourceArn: string; secretArn: string; transactionId: string | undefined } {
    const { resourceArn, secretArn } = this.target;
    const transactionId = this.#transactionId;
    this.#transactionId = undefined;
    return { resourceArn, secretArn, transactionId };
  }

  #sendInTransaction(call: () => Promise<unknown>): Promise<unknown> {
    return send(call, { inTransaction: true, patienceMs: this.target.patienceMs });
  }

  /** TypeORM asks for both; what they are given needs no change. */
  preparePersistentValue(value: unknown): unknown {
    return value;
  }

  prepareHydratedValue(value: unknown): unknown {
    return value;
  }
}
