/**
 * Every check but the tests. Runs them all, tells of each how it went, and fails if one did.
 *
 * TypeScript, ESLint and Prettier look again at files that have changed alone, by what they keep in
 * node_modules/.cache. ESLint does so file by file: one whose imports have changed their types is
 * looked at again where there is no cache, as in CI.
 */
import { spawn } from 'node:child_process';
import { delimiter, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';

const root = resolve(import.meta.dirname, '..');
process.env.PATH = [resolve(root, 'node_modules/.bin'), process.env.PATH].join(delimiter);

const build = ['build', 'npm run --silent build'];
/** They need the build and not each other; the longest goes first. */
const checks = [
  ['lint', 'npm run --silent lint'],
  ['types of tests', 'tsc --project tsconfig.tests.json'],
  ['format', 'prettier --check --cache --cache-strategy content --log-level warn .'],
  ['import rules', 'depcruise .'],
  ['unused code', 'knip'],
  ['packages', 'node scripts/package-check.mjs'],
  ['API reports', 'node scripts/api-report.mjs'],
];

await run(build);
const queue = [...checks];
const lane = async () => {
  for (let check = queue.shift(); check !== undefined; check = queue.shift()) await run(check);
};
await Promise.all([lane(), lane()]);

/** Prints what the command has to say only if it fails. */
function run([name, command]) {
  return new Promise((resolve) => {
    const start = performance.now();
    const child = spawn(command, { cwd: root, shell: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    child.stdout.on('data', (piece) => output.push(piece));
    child.stderr.on('data', (piece) => output.push(piece));
    child.on('close', (code) => {
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      const verdict = code === 0 ? 'ok' : 'FAILED';
      console.log(`${name.padEnd(16)} ${seconds.padStart(6)} s  ${verdict}`);
      if (code !== 0) {
        console.log(`$ ${command}\n${Buffer.concat(output).toString()}`);
        process.exitCode = 1;
      }
      resolve();
    });
  });
}
