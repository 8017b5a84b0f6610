/** Jest's global tear-down: ends the cluster that the set-up started, if it did, and removes its folder. */
const { rmSync } = require('node:fs');

module.exports = async function stop() {
  globalThis.stopPostgres?.();
  rmSync(process.env.STEPCOMPUTE_TEST_FOLDER, { recursive: true, force: true });
};
