import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { hasPostgres, type TestDatabase } from './databases.js';

/** The installed program, or undefined where there is none. */
const program = process.env.STEPCOMPUTE_TEST_PGBOUNCER;

/** `describe` where there is a PgBouncer to put before the test server, `describe.skip` where there is none. */
export const describeOnPgBouncer = hasPostgres && program !== undefined ? describe : describe.skip;

/**
 * A PgBouncer of its own before the test server: in transaction mode, where no two transactions of a client
 * need meet the same session. Its users reach it by a socket in its folder, so that no port need be free.
 */
export class PgBouncer {
  readonly #folder = mkdtempSync(join(tmpdir(), 'stepcompute-pgbouncer-'));
  readonly #settings: string;
  #process: ChildProcess | undefined;

  /** @param poolSize how many sessions it shares out, for each database */
  static async before(database: TestDatabase, poolSize = 20): Promise<PgBouncer> {
    const pooler = new PgBouncer(database, poolSize);
    await pooler.start();
    return pooler;
  }

  private constructor(
    private readonly database: TestDatabase,
    poolSize: number,
  ) {
    // Also for the user that root is exchanged for.
    chmodSync(this.#folder, 0o777);
    this.#settings = join(this.#folder, 'pgbouncer.ini');
    const { host, port, user, password } = new pg.Client(database.url);
    const login = `user=${user}${password ? ` password=${password}` : ''}`;
    writeFileSync(
      this.#settings,
      `[databases]
       * = host=${host} port=${port} ${login}
       [pgbouncer]
       listen_port = ${port}
       unix_socket_dir = ${this.#folder}
       auth_type = any
       pool_mode = transaction
       default_pool_size = ${poolSize}
       ; The rest is as it is by default, but for this: each transaction gets another session than the last.
       server_round_robin = 1`.replaceAll(/^ +/gm, ''),
    );
  }

  get url(): string {
    const { port, database } = new pg.Client(this.database.url);
    return `postgres://anyone@localhost:${port}/${database}?host=${this.#folder}`;
  }

  get pid(): number {
    if (this.#process?.pid === undefined) throw new Error('PgBouncer does not run');
    return this.#process.pid;
  }

  /** Starts it, also after a kill. */
  async start(): Promise<void> {
    const user = process.getuid?.() === 0 ? ['-u', 'postgres'] : [];
    const started = spawn(program!, [...user, this.#settings], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#process = started;
    let said = '';
    await new Promise<void>((resolve, reject) => {
      started.on('exit', () => reject(new Error(`PgBouncer has ended: ${said}`)));
      started.on('error', reject);
      started.stderr.on('data', (data: Buffer) => {
        said += data.toString();
        if (said.includes('process up')) resolve();
      });
    });
  }

  /** Ends it as SIGKILL does. */
  async kill(): Promise<void> {
    const running = this.#process;
    if (running === undefined) return;
    const ended = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGKILL');
    await ended;
    this.#process = undefined;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
