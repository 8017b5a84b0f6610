/** Builds as sources change, and runs the tests that what has changed concerns. */
import { spawn } from 'node:child_process';
import { watch } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
/** Sources and tests, and what is built of them, by which the tests of other packages see it. */
const concerned = /(^|\/)(src|test|dist)\/.*(?<!\.d)\.[cm]?[jt]s$/;
/** Files come in bursts: how long none must have come, in milliseconds. */
const pause = 300;

const changed = new Set();
let timer;
let isRunning = false;

start('node_modules/typescript/bin/tsc', '--build', '--watch', '--preserveWatchOutput');
for (const place of ['packages', 'examples']) {
  watch(join(root, place), { recursive: true }, (_, file) => {
    if (file === null || file.includes('node_modules') || !concerned.test(file)) return;
    changed.add(join(place, file));
    plan();
  });
}

function plan() {
  clearTimeout(timer);
  timer = setTimeout(runTests, pause);
}

function runTests() {
  if (isRunning || changed.size === 0) return;
  isRunning = true;
  const files = [...changed];
  changed.clear();
  const jest = ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js'];
  const child = start(...jest, '--passWithNoTests', '--findRelatedTests', ...files);
  child.once('exit', () => {
    isRunning = false;
    plan();
  });
}

function start(...args) {
  return spawn(process.execPath, args, { cwd: root, stdio: 'inherit' });
}
