/**
 * Jest's global set-up.
 *
 * A real PostgreSQL for the suites that want one: the server that STEPCOMPUTE_TEST_POSTGRES_URL names,
 * or else a cluster of its own. Where there is neither, those suites are skipped with a word, or fail
 * when STEPCOMPUTE_REQUIRE_POSTGRES is set.
 *
 * A folder for what test files share: see shared-folder.ts.
 */
const { mkdtempSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { PostgresCluster } = require('@stepcompute/chaos/postgres');

const urlVariable = 'STEPCOMPUTE_TEST_POSTGRES_URL';

module.exports = async function start() {
  // The AWS SDK warns in each test file of the end of its support for Node 20: engines say that we know.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  process.env.STEPCOMPUTE_TEST_FOLDER = mkdtempSync(join(tmpdir(), 'stepcompute-tests-'));
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
