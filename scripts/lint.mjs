/**
 * ESLint over the whole tree, part by part: with the types of all packages at once it takes more memory than Node
 * gives a process. Options are handed on.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const onAws = ['aws-adapter', 'cli', 'infra', 'rehearsal'].map((name) => `packages/${name}`);
const packages = readdirSync(resolve(root, 'packages')).map((name) => `packages/${name}`);
const parts = [
  onAws,
  packages.filter((name) => !onAws.includes(name)),
  ['.', '--ignore-pattern', 'packages/**'],
];
const cache = [
  ...['--cache', '--cache-strategy', 'content'],
  ...['--cache-location', 'node_modules/.cache/eslint/'],
];

for (const part of parts) {
  const eslint = resolve(root, 'node_modules/eslint/bin/eslint.js');
  const { status } = spawnSync(
    process.execPath,
    [eslint, ...cache, ...part, ...process.argv.slice(2)],
    { cwd: root, stdio: 'inherit' },
  );
  if (status !== 0) process.exitCode = 1;
}
