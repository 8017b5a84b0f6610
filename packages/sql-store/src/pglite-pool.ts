import { EventEmitter } from 'node:events';
import type { PGlite } from '@electric-sql/pglite';

type Callback<T extends unknown[]> = (error: Error | undefined, ...results: T) => void;

interface QueryAnswer {
  readonly rows: unknown[];
  readonly rowCount: number;
  readonly command: string | undefined;
}

/** The one session of an embedded PGlite, with as much of a node-postgres client as TypeORM uses. */
class PgliteClient extends EventEmitter {
  constructor(private readonly pglite: PGlite) {
    super();
  }

  query(
    text: string,
    parameters?: unknown[] | Callback<[QueryAnswer]>,
    callback?: Callback<[QueryAnswer]>,
  ): Promise<QueryAnswer> {
    const respond = typeof parameters === 'function' ? parameters : callback;
    const answer = this.#query(text, Array.isArray(parameters) ? parameters : []);
    if (respond !== undefined) {
      answer.then(
        (result) => respond(undefined, result),
        (error: unknown) =>
          // TypeORM reads the result even where there is an error.
          respond(error as Error, undefined as never),
      );
    }
    return answer;
  }

  async #query(text: string, parameters: unknown[]): Promise<QueryAnswer> {
    const { rows, affectedRows, command } = await this.pglite.query(text, parameters);
    return { rows, rowCount: affectedRows ?? rows.length, command };
  }
}

/**
 * A pool of the one session that PGlite has. Who connects has it alone until it is released, so that
 * a transaction never meets another's statements.
 */
export class PglitePool extends EventEmitter {
  readonly #client: PgliteClient;
  #lastRelease: Promise<void> = Promise.resolve();

  /** @param close releases what the database holds; called by `end` */
  constructor(
    pglite: PGlite,
    private readonly close: () => Promise<void>,
  ) {
    super();
    this.#client = new PgliteClient(pglite).setMaxListeners(0);
  }

  connect(callback: Callback<[PgliteClient, () => void]>): void {
    const previous = this.#lastRelease;
    let release!: () => void;
    this.#lastRelease = new Promise((resolve) => {
      release = resolve;
    });
    void previous.then(() => callback(undefined, this.#client, release));
  }

  end(callback: Callback<[]>): void {
    this.#lastRelease.then(this.close).then(() => callback(undefined), callback);
  }
}
