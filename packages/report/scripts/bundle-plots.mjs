/**
 * Bundles the library for plots and the document that it draws in. So they load as CommonJS does, in a plain
 * Jest too, and whoever installs this package has one file in place of their 56 packages. Does nothing where
 * the bundle is there already, of the installed versions.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const root = resolve(import.meta.dirname, '..');
const bundle = join(root, 'dist/plot-library.js');
const licences = join(root, 'dist/plot-library.licences.txt');

const { outputFiles, metafile } = await build({
  entryPoints: ['scripts/plot-library.mjs'],
  absWorkingDir: root,
  bundle: true,
  write: false,
  metafile: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  minify: true,
  legalComments: 'none',
});
const [{ text }] = outputFiles;
const isThere = existsSync(licences) && existsSync(bundle);
if (!isThere || readFileSync(bundle, 'utf8') !== text) {
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(bundle, text);
  writeFileSync(licences, licencesOf(Object.keys(metafile.inputs)));
}

/** Of each package that a file of these is from: its name, version and licence. */
function licencesOf(files) {
  const folders = files.flatMap((file) => {
    const [folder] = /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(file) ?? [];
    return folder === undefined ? [] : [resolve(root, folder)];
  });
  const texts = [...new Set(folders)].sort().map((folder) => {
    const { name, version, license } = JSON.parse(
      readFileSync(join(folder, 'package.json'), 'utf8'),
    );
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    if (file === undefined) throw new Error(`${name} has no file with its licence`);
    return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
  });
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}
