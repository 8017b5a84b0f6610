/**
 * A PostgreSQL cluster of one's own, made from installed binaries and reached by a socket in its own
 * folder, so that no port need be free.
 */
const { execFileSync } = require('node:child_process');
const {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} = require('node:fs');
const { tmpdir } = require('node:os');
const { delimiter, join } = require('node:path');
const { setTimeout: wait } = require('node:timers/promises');

/**
 * Creates and starts a cluster; undefined where there is no initdb, or none but root to run it.
 * @param {{ durable?: boolean }} [options] durable: whether commits wait for the disk; default false
 */
exports.createCluster = function createCluster({ durable = false } = {}) {
  const binaries = findBinaries();
  const account = binaries === undefined ? undefined : findAccount();
  if (binaries === undefined || account === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'stepcompute-pg-'));
  if (account.uid !== undefined) chownSync(folder, account.uid, account.gid);
  const data = join(folder, 'data');
  const run = (program, ...args) =>
    execFileSync(join(binaries, program), args, {
      ...account,
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  const settings = [
    `listen_addresses=''`,
    `unix_socket_directories='${folder}'`,
    `fsync=${durable ? 'on' : 'off'}`,
  ];
  const options = settings.map((setting) => `-c ${setting}`).join(' ');
  const start = () =>
    run('pg_ctl', 'start', '-D', data, '-w', '-s', '-l', join(folder, 'log'), '-o', options);
  run('initdb', '-D', data, '-U', 'stepcompute', '-A', 'trust', '-E', 'UTF8', '--no-locale');
  start();
  return {
    url: `postgres://stepcompute@localhost/postgres?host=${folder}`,
    version: readFileSync(join(data, 'PG_VERSION'), 'utf8').trim(),
    /** Ends the server as SIGKILL does, and starts it again. */
    async killAndStart() {
      const [pid] = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
      process.kill(Number(pid), 'SIGKILL');
      // Its own processes notice by themselves; until then they keep what a new server needs.
      for (let attempt = 1; ; attempt += 1) {
        try {
          start();
          return;
        } catch (error) {
          if (attempt === 100) throw error;
          await wait(50);
        }
      }
    },
    /** Ends the server and removes its folder. */
    remove() {
      run('pg_ctl', 'stop', '-D', data, '-m', 'immediate', '-s');
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

/** The folder of the newest installed server's programs. */
function findBinaries() {
  const installed = '/usr/lib/postgresql';
  const versions = existsSync(installed) ? readdirSync(installed) : [];
  return [
    ...(process.env.PATH ?? '').split(delimiter),
    ...versions
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(installed, version, 'bin')),
  ].find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'pg_ctl')));
}

/** PostgreSQL refuses to run as root: root lends it the account that its package made. */
function findAccount() {
  if (process.getuid?.() !== 0) return {};
  try {
    const id = (option) => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}
