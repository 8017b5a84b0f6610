/** Jest's global tear-down: ends the cluster that the set-up started, if it did. */
module.exports = async function stopPostgres() {
  globalThis.stopPostgres?.();
};
