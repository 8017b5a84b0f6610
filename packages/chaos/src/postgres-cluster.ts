import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { refuseUnknown, type FieldNames } from '@stepcompute/core/adapters';

export interface PostgresClusterOptions {
  /** True when commits are to wait for the disk, and so outlive a kill. Default: false, which is faster. */
  readonly durable?: boolean | undefined;
}

const optionFields: FieldNames<PostgresClusterOptions> = { durable: true };

/** A user of the operating system; empty for the one who calls. */
interface User {
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * A PostgreSQL cluster of its own, made by the installed programs in a temporary folder. Its users
 * reach it by a socket in that folder, so that no port need be free.
 */
export class PostgresCluster {
  readonly #data: string;
  readonly #options: string;

  /**
   * Creates and starts a cluster.
   * @returns undefined where `initdb` is not installed, or only root is there to run it
   * @throws InvalidInputError when there is no such option
   */
  static create(options: PostgresClusterOptions = {}): PostgresCluster | undefined {
    const { durable = false } = refuseUnknown(options, 'options', optionFields);
    const programs = findPrograms();
    const user = programs === undefined ? undefined : findUser();
    if (programs === undefined || user === undefined) return undefined;
    const folder = mkdtempSync(join(tmpdir(), 'stepcompute-pg-'));
    if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid);
    return new PostgresCluster(folder, programs, user, durable);
  }

  private constructor(
    private readonly folder: string,
    private readonly programs: string,
    private readonly user: User,
    durable: boolean,
  ) {
    this.#data = join(folder, 'data');
    this.#options = [
      `listen_addresses=''`,
      `unix_socket_directories='${folder}'`,
      `fsync=${durable ? 'on' : 'off'}`,
    ]
      .map((setting) => `-c ${setting}`)
      .join(' ');
    const authentication = ['-U', 'stepcompute', '-A', 'trust'];
    this.#run('initdb', '-D', this.#data, ...authentication, '-E', 'UTF8', '--no-locale');
    this.#start();
  }

  /** The database `postgres`, as the role `stepcompute`, which may do everything. */
  get url(): string {
    return `postgres://stepcompute@localhost/postgres?host=${this.folder}`;
  }

  /** The server's major version, such as `15`. */
  get version(): string {
    return readFileSync(join(this.#data, 'PG_VERSION'), 'utf8').trim();
  }

  /** Ends the server as SIGKILL does, and starts it again. */
  async killAndStart(): Promise<void> {
    const [pid] = readFileSync(join(this.#data, 'postmaster.pid'), 'utf8').split('\n');
    process.kill(Number(pid), 'SIGKILL');
    // The server's own processes end by themselves; until then they hold what a new server needs.
    for (let attempt = 1; ; attempt += 1) {
      try {
        this.#start();
        return;
      } catch (error) {
        if (attempt === 100) throw error;
        await wait(50);
      }
    }
  }

  /** Ends the server and removes its folder. */
  remove(): void {
    this.#run('pg_ctl', 'stop', '-D', this.#data, '-m', 'immediate', '-s');
    rmSync(this.folder, { recursive: true, force: true });
  }

  #start(): void {
    const log = join(this.folder, 'log');
    this.#run('pg_ctl', 'start', '-D', this.#data, '-w', '-s', '-l', log, '-o', this.#options);
  }

  #run(program: string, ...args: readonly string[]): void {
    execFileSync(join(this.programs, program), args, {
      ...this.user,
      cwd: this.folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  }
}

/** The folder of the newest installed server's programs. */
function findPrograms(): string | undefined {
  const installed = '/usr/lib/postgresql'; // Debian's place
  const versions = existsSync(installed) ? readdirSync(installed) : [];
  return [
    ...(process.env.PATH ?? '').split(delimiter),
    ...versions
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(installed, version, 'bin')),
  ].find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'pg_ctl')));
}

/** PostgreSQL refuses to run as root, so root runs it as the user that its package made. */
function findUser(): User | undefined {
  if (process.getuid?.() !== 0) return {};
  try {
    const id = (option: string): number =>
      Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}
