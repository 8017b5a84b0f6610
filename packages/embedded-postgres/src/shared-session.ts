import type { Duplex } from 'node:stream';
import type { PGliteInterface } from '@electric-sql/pglite';
import { fatal, greeting, MessageReader, ready, settingsOf, sqlStateIn } from './protocol.js';

/** SQLSTATE classes after which PGlite may never answer again: disk full, the system's errors, damaged data. */
const breakingClasses: readonly string[] = ['53', '58', 'XX'];

/** The messages that a client waits for an answer after. */
const answered = ['Q', 'S', 'H', 'c', 'f'];

export interface SharedSessionProps {
  readonly pglite: PGliteInterface;
  /** How long a client may hold a transaction without a word, in milliseconds. */
  readonly idleInTransactionMs: number;
  /** Told when PGlite can't be trusted any more. */
  readonly onBroken: (cause: unknown) => void;
}

/**
 * The one session that PGlite has, for any number of connections, as a pooler shares one by transactions: a
 * transaction, and every group of messages outside of one, has it alone. Prepared statements with names,
 * `SET` and advisory locks are seen by all, until their connection ends.
 */
export class SharedSession {
  #lastRelease: Promise<void> = Promise.resolve();
  #inForce = '';
  #statuses: Readonly<Record<string, string>> | undefined;

  constructor(private readonly props: SharedSessionProps) {}

  /** Waits for the session. @returns gives it to the next */
  async #lease(): Promise<() => void> {
    const previous = this.#lastRelease;
    let release!: () => void;
    this.#lastRelease = new Promise((resolve) => {
      release = resolve;
    });
    await previous;
    return release;
  }

  /**
   * Serves one connection of PostgreSQL's protocol to its end, or to the client's `Terminate`.
   * @param client authenticated, and told so
   * @param parameters of its start
   */
  async serve(client: Duplex, parameters: Readonly<Record<string, string>>): Promise<void> {
    const settings = settingsOf(parameters);
    const reader = new MessageReader();
    let batch: Buffer[] = [];
    let release: (() => void) | undefined;
    let idle: NodeJS.Timeout | undefined;
    try {
      client.write(greeting(await this.#reported()));
      // Who has said that he goes is still to be told when that is done.
      const received = client.iterator({ destroyOnReturn: false });
      for await (const bytes of received as AsyncIterable<Buffer>) {
        reader.push(bytes);
        for (let message = reader.message(); message !== undefined; message = reader.message()) {
          const type = message.toString('latin1', 0, 1);
          if (type === 'X') return;
          batch.push(message);
          if (!answered.includes(type)) continue;
          clearTimeout(idle);
          release ??= await this.#lease();
          const refused = await this.#putInForce(settings);
          if (refused !== undefined) {
            client.write(fatal(refused.code, refused.message));
            return;
          }
          const answer = await this.#ask(Buffer.concat(batch));
          batch = [];
          client.write(answer);
          if (answer.subarray(-ready.length).equals(ready)) {
            release();
            release = undefined;
          } else {
            // Until the end of its transaction the one session is this connection's.
            idle = setTimeout(() => hangUp(client), this.props.idleInTransactionMs).unref();
          }
        }
      }
    } catch (error) {
      // Whoever hangs up in a transaction has not committed it.
      if (!client.destroyed) throw error;
    } finally {
      clearTimeout(idle);
      release ??= await this.#lease();
      await this.#forget();
      release();
    }
  }

  async #ask(messages: Buffer): Promise<Buffer> {
    let answer: Buffer;
    try {
      answer = Buffer.from(await this.props.pglite.execProtocolRaw(messages));
    } catch (error) {
      this.props.onBroken(error);
      throw error;
    }
    const state = sqlStateIn(answer);
    if (state !== undefined && breakingClasses.includes(state.slice(0, 2))) {
      this.props.onBroken(new Error(`PostgreSQL’s error ${state}`));
    }
    return answer;
  }

  /**
   * Puts the settings that a client has begun with in place of those of the one before.
   * @returns PostgreSQL's error when one of them is none
   */
  async #putInForce(
    settings: readonly (readonly [string, string])[],
  ): Promise<(Error & { readonly code: string }) | undefined> {
    const text = JSON.stringify(settings);
    if (text === this.#inForce || (settings.length === 0 && this.#inForce === '')) return undefined;
    this.#inForce = 'none yet';
    await this.props.pglite.exec('RESET ALL');
    for (const setting of settings) {
      try {
        await this.props.pglite.query('SELECT set_config($1, $2, false)', [...setting]);
      } catch (error) {
        return error as Error & { readonly code: string };
      }
    }
    this.#inForce = text;
    return undefined;
  }

  /** Ends what a connection may have left behind in the session. */
  async #forget(): Promise<void> {
    if (this.props.pglite.closed) return;
    try {
      await this.props.pglite.exec('ROLLBACK');
      await this.props.pglite.exec('DISCARD ALL');
      this.#inForce = '';
    } catch (error) {
      this.props.onBroken(error);
    }
  }

  async #reported(): Promise<Readonly<Record<string, string>>> {
    if (this.#statuses !== undefined) return this.#statuses;
    const { rows } = await this.props.pglite.query<{ version: string }>(
      "SELECT current_setting('server_version') AS version",
    );
    this.#statuses = {
      client_encoding: 'UTF8',
      DateStyle: 'ISO, MDY',
      integer_datetimes: 'on',
      server_version: rows[0]?.version ?? '',
      standard_conforming_strings: 'on',
      TimeZone: 'UTC',
    };
    return this.#statuses;
  }
}

function hangUp(client: Duplex): void {
  client.end(fatal('25P03', 'terminating connection due to idle-in-transaction timeout'), () =>
    client.destroy(),
  );
}
