/** Checks the public packages as npm would publish them: publint, and attw for those that have types. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'stepcompute-pack-'));
try {
  for (const name of readdirSync(join(root, 'packages'))) {
    const packed = execFileSync(
      'npm',
      ['pack', '--json', '--pack-destination', folder, '--workspace', `packages/${name}`],
      { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const tarball = join(folder, JSON.parse(packed)[0].filename);
    run('publint/src/cli.js', 'run', tarball, '--strict');
    // The packages are CommonJS with sub-paths, which only the resolution before Node 16 can't follow.
    // The CLI exports no code, so it has no types to be wrong.
    if (name !== 'cli') {
      const attw = '@arethetypeswrong/cli/dist/index.js';
      run(attw, tarball, '--profile', 'node16', '--no-definitely-typed', '--no-emoji');
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function run(tool, ...args) {
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules', tool), ...args], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exitCode = 1;
}
