/** Writes core's version into its source, when lerna has set it: each run records it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

const core = resolve(import.meta.dirname, '../packages/core');
const file = resolve(core, 'src/run/versions.ts');
const { version } = JSON.parse(readFileSync(resolve(core, 'package.json'), 'utf8'));
const line = /(export const stepComputeVersion = ')[^']*/;
writeFileSync(file, readFileSync(file, 'utf8').replace(line, `$1${version}`));
