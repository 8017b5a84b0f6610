import { EventEmitter } from 'node:events';
import type { PGlite } from '@electric-sql/pglite';
import { codeOf } from './persistence-error.js';

type Callback<T extends unknown[]> = (error: Error | undefined, ...results: T) => void;

interface QueryAnswer {
  readonly rows: unknown[];
  readonly rowCount: number;
  readonly command: string | undefined;
}

/** Disk full, and other errors of the system; damaged data. */
const breakingClasses: readonly string[] = ['53', '58', 'XX'];

/**
 * The one session of an embedded PGlite, with as much of a node-postgres client as TypeORM uses. After
 * an error of the disk under it PGlite may never answer again, not even to being closed: such an error
 * is the answer to everything that is asked from then on.
 */
class PgliteClient extends EventEmitter {
  #broken: Error | undefined;

  constructor(private readonly pglite: PGlite) {
    super();
  }

  get isBroken(): boolean {
    return this.#broken !== undefined;
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
    if (this.#broken !== undefined) throw this.#broken;
    try {
      const { rows, affectedRows, command } = await this.pglite.query(text, parameters);
      return { rows, rowCount: affectedRows ?? rows.length, command };
    } catch (error) {
      if (isBreaking(error)) this.#broken = error;
      throw error;
    }
  }
}

function isBreaking(error: unknown): error is Error {
  const code = codeOf(error);
  return code !== undefined && breakingClasses.includes(code.slice(0, 2));
}

/**
 * A pool of the one session that PGlite has. Who connects has it alone until it is released, so that
 * a transaction never meets another's statements.
 */
export class PglitePool extends EventEmitter {
  readonly #client: PgliteClient;
  #lastRelease: Promise<void> = Promise.resolve();

  /** @param release gives back what the database holds; called by `end` when it is closed */
  constructor(
    private readonly pglite: PGlite,
    private readonly release: () => void,
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
    this.#lastRelease.then(() => this.#close()).then(() => callback(undefined), callback);
  }

  async #close(): Promise<void> {
    try {
      // Where it is broken, the disk holds what a killed process would leave, which is whole.
      if (!this.#client.isBroken) await this.pglite.close();
    } finally {
      this.release();
    }
  }
}
