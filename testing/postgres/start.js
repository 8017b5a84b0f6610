/**
 * Jest's global set-up: a real PostgreSQL for the suites that want one. It is the server that
 * STEPCOMPUTE_TEST_POSTGRES_URL names, or else a cluster of its own. Where there is neither, those
 * suites are skipped with a word, or fail when STEPCOMPUTE_REQUIRE_POSTGRES is set.
 */
const { PostgresCluster } = require('@stepcompute/chaos/postgres');

const urlVariable = 'STEPCOMPUTE_TEST_POSTGRES_URL';

module.exports = async function startPostgres() {
  if (process.env[urlVariable]) return;
  const cluster = PostgresCluster.create();
  if (cluster === undefined) {
    const message =
      'No PostgreSQL at hand (no initdb, or none but root to run it): ' +
      `its suites are skipped. Set ${urlVariable} to run them.`;
    if (process.env.STEPCOMPUTE_REQUIRE_POSTGRES) throw new Error(message);
    console.warn(message);
    return;
  }
  globalThis.stopPostgres = () => cluster.remove();
  process.env[urlVariable] = cluster.url;
};
