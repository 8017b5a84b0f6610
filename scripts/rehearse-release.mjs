/**
 * Rehearses releases in a clone of this checkout, without a network: the first tag, and the version
 * after it. Fails unless the tag, all packages’ versions, what they require of each other, the lock
 * file and a packed package agree.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const lerna = join(root, 'node_modules/lerna/dist/cli.js');
const folder = mkdtempSync(join(tmpdir(), 'stepcompute-release-'));
const clone = join(folder, 'clone');
const identity = { NAME: 'Rehearsal', EMAIL: 'rehearsal@localhost' };
const env = {
  ...process.env,
  ...Object.fromEntries(
    Object.entries(identity).flatMap(([key, value]) => [
      [`GIT_AUTHOR_${key}`, value],
      [`GIT_COMMITTER_${key}`, value],
    ]),
  ),
  GIT_CONFIG_GLOBAL: '/dev/null',
  NX_DAEMON: 'false',
  npm_config_offline: 'true',
};

try {
  run(folder, 'git', 'clone', '--quiet', root, clone);
  run(clone, 'git', 'checkout', '--quiet', '-B', 'release');
  for (const tag of run(clone, 'git', 'tag').split('\n').filter(Boolean)) {
    run(clone, 'git', 'tag', '--delete', tag);
  }
  const first = read('lerna.json').version;
  release(first);
  const [major, minor] = first.split('.').map(Number);
  release(`${major}.${minor + 1}.0`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function release(version) {
  run(clone, process.execPath, lerna, 'version', version, '--yes', '--no-push', '--force-publish');
  assert.equal(run(clone, 'git', 'tag', '--points-at', 'HEAD'), `v${version}`);
  assert.equal(run(clone, 'git', 'status', '--porcelain'), '', 'what was not committed');
  assert.equal(read('lerna.json').version, version);

  const recorded = readFileSync(join(clone, 'packages/core/src/run/versions.ts'), 'utf8');
  assert.ok(recorded.includes(`stepComputeVersion = '${version}'`), 'the version that runs record');

  const lock = read('package-lock.json').packages;
  const links = Object.entries(lock).filter(([path]) =>
    path.startsWith('node_modules/@stepcompute/'),
  );
  // Packages are released together, and require each other’s version or a later one that is compatible.
  const manifests = links.map(([path, { resolved, link }]) => {
    assert.equal(link, true, `${path} comes from a registry`);
    const manifest = read(`${resolved}/package.json`);
    assert.equal(manifest.version, version, manifest.name);
    assert.equal(lock[resolved].version, version, `${manifest.name} in the lock file`);
    for (const kind of ['dependencies', 'devDependencies', 'peerDependencies']) {
      const wanted = manifest[kind] ?? {};
      assert.deepEqual(lock[resolved][kind] ?? {}, wanted, `${resolved}, ${kind}`);
      // Lerna leaves the ranges of peers as they are, so a sibling among them has no upper end.
      const isRight = (range) =>
        [version, `^${version}`].includes(range) ||
        (kind === 'peerDependencies' && /^>=/.test(range));
      for (const [name, range] of Object.entries(wanted)) {
        if (name.startsWith('@stepcompute/')) {
          assert.ok(isRight(range), `${manifest.name} wants ${name} ${range}`);
        }
      }
    }
    return manifest;
  });
  assert.notEqual(manifests.length, 0);

  // One that depends on another.
  const workspace = 'packages/inmemory-adapter';
  const packed = run(clone, 'npm', 'pack', '--json', '--pack-destination', folder, '-w', workspace);
  const tarball = join(folder, JSON.parse(packed)[0].filename);
  const published = JSON.parse(run(folder, 'tar', '-xzOf', tarball, 'package/package.json'));
  assert.equal(published.version, version);
  assert.equal(published.dependencies['@stepcompute/core'], `^${version}`);
  console.log(`v${version}: ${manifests.length} packages agree`);
}

function read(path) {
  return JSON.parse(readFileSync(join(clone, path), 'utf8'));
}

/** Says what a command has written only if it fails. */
function run(cwd, command, ...args) {
  try {
    return execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch (error) {
    process.stderr.write(`${error.stdout}${error.stderr}`);
    throw error;
  }
}
