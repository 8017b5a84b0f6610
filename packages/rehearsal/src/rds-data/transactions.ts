import { randomUUID } from 'node:crypto';
import { ServiceError } from '../service-error.js';
import type { Engine, EngineSession } from '../postgres/engine.js';

interface Transaction {
  readonly session: EngineSession;
  readonly startedAt: number;
  busy: boolean;
  idle: NodeJS.Timeout | undefined;
}

/** How long AWS keeps a transaction that nobody uses. */
const longestIdleMs = 3 * 60_000;
/** How long AWS keeps one in all. */
const longestMs = 24 * 3_600_000;

/** The open transactions, each with a session of its own until it ends or expires. */
export class Transactions {
  readonly #open = new Map<string, Transaction>();

  constructor(
    private readonly engine: Engine,
    private readonly idleMs = longestIdleMs,
  ) {}

  /** How many are open at this moment. */
  get count(): number {
    return this.#open.size;
  }

  async begin(): Promise<string> {
    const session = await this.engine.lease();
    try {
      await session.query('BEGIN', []);
    } catch (error) {
      session.release(true);
      throw error;
    }
    const id = randomUUID();
    const transaction: Transaction = {
      session,
      startedAt: Date.now(),
      busy: false,
      idle: undefined,
    };
    this.#open.set(id, transaction);
    this.#expectUse(id, transaction);
    return id;
  }

  /**
   * Runs one call on a transaction.
   * @throws ServiceError when there is no such transaction any more, or another call is on it
   */
  async use<T>(id: string, work: (session: EngineSession) => Promise<T>): Promise<T> {
    const transaction = this.#find(id);
    if (transaction.busy) {
      throw new ServiceError('DatabaseErrorException', 'Transaction is still running a query');
    }
    transaction.busy = true;
    clearTimeout(transaction.idle);
    try {
      return await work(transaction.session);
    } finally {
      transaction.busy = false;
      if (this.#open.has(id)) this.#expectUse(id, transaction);
    }
  }

  async end(id: string, statement: 'COMMIT' | 'ROLLBACK'): Promise<void> {
    await this.use(id, async (session) => {
      this.#open.delete(id);
      let done: string | undefined;
      try {
        done = (await session.query(statement, [])).command;
        session.release();
      } catch (error) {
        session.release(true);
        throw error;
      }
      if (done !== statement) throw notCommitted();
    });
  }

  async close(): Promise<void> {
    const open = [...this.#open];
    await Promise.all(
      open.map(async ([id, { busy, session }]) => {
        // Nobody waits for work that still runs in it: the engine ends with its sessions.
        if (busy) session.release(true);
        else await this.end(id, 'ROLLBACK');
      }),
    );
    this.#open.clear();
  }

  #find(id: string): Transaction {
    const transaction = this.#open.get(id);
    if (transaction === undefined || Date.now() - transaction.startedAt > longestMs) {
      throw new ServiceError('TransactionNotFoundException', `Transaction ${id} is not found`, 404);
    }
    return transaction;
  }

  #expectUse(id: string, transaction: Transaction): void {
    transaction.idle = setTimeout(() => {
      void this.end(id, 'ROLLBACK').catch(() => undefined);
    }, this.idleMs).unref();
  }
}

/**
 * For a commit after an error, which PostgreSQL answers by rolling back. The words are those of its JDBC
 * driver since 42.2.11; that the Data API passes them on is not documented.
 */
function notCommitted(): ServiceError {
  return new ServiceError(
    'DatabaseErrorException',
    'ERROR: The database returned ROLLBACK, so the transaction cannot be committed; SQLState: 25P02',
  );
}
