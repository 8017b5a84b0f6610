/**
 * Jest's global set-up: a real PostgreSQL for the suites that want one. It is the server that
 * STEPCOMPUTE_TEST_POSTGRES_URL names, or else a cluster made from installed binaries and reached by
 * a socket in its own folder, so that no port need be free. Where there is neither, those suites are
 * skipped with a word, or fail when STEPCOMPUTE_REQUIRE_POSTGRES is set.
 */
const { execFileSync } = require('node:child_process');
const { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { delimiter, join } = require('node:path');

const urlVariable = 'STEPCOMPUTE_TEST_POSTGRES_URL';

module.exports = async function startPostgres() {
  if (process.env[urlVariable]) return;
  const binaries = findBinaries();
  const account = binaries === undefined ? undefined : findAccount();
  if (binaries === undefined || account === undefined) {
    const message =
      'No PostgreSQL at hand (no initdb, or none but root to run it): ' +
      `its suites are skipped. Set ${urlVariable} to run them.`;
    if (process.env.STEPCOMPUTE_REQUIRE_POSTGRES) throw new Error(message);
    console.warn(message);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'stepcompute-pg-'));
  if (account.uid !== undefined) chownSync(folder, account.uid, account.gid);
  const data = join(folder, 'data');
  const run = (program, ...args) =>
    execFileSync(join(binaries, program), args, {
      ...account,
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  globalThis.stopPostgres = () => {
    run('pg_ctl', 'stop', '-D', data, '-m', 'immediate', '-s');
    rmSync(folder, { recursive: true, force: true });
  };
  run('initdb', '-D', data, '-U', 'stepcompute', '-A', 'trust', '-E', 'UTF8', '--no-locale');
  const options = `-c listen_addresses='' -c unix_socket_directories='${folder}' -c fsync=off`;
  run('pg_ctl', 'start', '-D', data, '-w', '-s', '-l', join(folder, 'log'), '-o', options);
  process.env[urlVariable] = `postgres://stepcompute@localhost/postgres?host=${folder}`;
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
