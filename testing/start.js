/**
 * Jest's global set-up.
 *
 * A real PostgreSQL for the suites that want one: the server that STEPCOMPUTE_TEST_POSTGRES_URL names,
 * or else a cluster of its own. Where there is neither, those suites are skipped with a word, or fail
 * when STEPCOMPUTE_REQUIRE_POSTGRES is set. The same of PgBouncer, where it is installed, and of Chromium, with
 * STEPCOMPUTE_REQUIRE_CHROMIUM.
 *
 * A folder for what test files share: see shared-folder.ts.
 */
const { mkdtempSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { findChromium, findPgBouncer } = require('./programs.js');
const { PostgresCluster } = require('@stepcompute/chaos/postgres');

const urlVariable = 'STEPCOMPUTE_TEST_POSTGRES_URL';

module.exports = async function start() {
  // The AWS SDK warns in each test file of the end of its support for Node 20: engines say that we know.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  process.env.STEPCOMPUTE_TEST_FOLDER = mkdtempSync(join(tmpdir(), 'stepcompute-tests-'));
  offerPgBouncer();
  offerChromium();
  if (process.env[urlVariable]) return;
  const cluster = PostgresCluster.create();
  if (cluster === undefined) {
    skip(
      'No PostgreSQL at hand (no initdb, or none but root to run it): ' +
        `its suites are skipped. Set ${urlVariable} to run them.`,
    );
    return;
  }
  globalThis.stopPostgres = () => cluster.remove();
  process.env[urlVariable] = cluster.url;
};

function offerPgBouncer() {
  const program = findPgBouncer();
  if (program === undefined) skip('No PgBouncer is installed: its suites are skipped.');
  else process.env.STEPCOMPUTE_TEST_PGBOUNCER = program;
}

function offerChromium() {
  const program = findChromium();
  if (program !== undefined) {
    process.env.STEPCOMPUTE_TEST_CHROMIUM = program;
  } else {
    const { STEPCOMPUTE_REQUIRE_CHROMIUM: isRequired = '' } = process.env;
    skip('No Chromium is installed: the suite that looks at pages is skipped.', isRequired);
  }
}

function skip(message, isRequired = process.env.STEPCOMPUTE_REQUIRE_POSTGRES) {
  if (isRequired) throw new Error(message);
  console.warn(message);
}
