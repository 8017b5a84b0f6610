/** Programs that tests and pictures need, where this machine has them. */
const { existsSync } = require('node:fs');
const { delimiter, join } = require('node:path');

/** The first of these names that is found, as a path. Debian keeps some among its administrator's programs. */
function programOf(names) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
  const paths = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return paths.find((path) => existsSync(path));
}

/** A browser; STEPCOMPUTE_TEST_CHROMIUM may name it. */
exports.findChromium = () =>
  process.env.STEPCOMPUTE_TEST_CHROMIUM ??
  programOf(['chromium', 'chromium-browser', 'google-chrome']);

exports.findPgBouncer = () => programOf(['pgbouncer']);
