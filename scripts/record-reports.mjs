/**
 * Takes pictures of pages that `stepcompute report` writes, light and dark, into docs/report: `npm run record`.
 * Needs Chromium, which STEPCOMPUTE_TEST_CHROMIUM may name.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';
import { findChromium } from '../testing/programs.js';

const root = resolve(import.meta.dirname, '..');
const pictures = join(root, 'docs/report');
const launcher = join(root, 'packages/cli/bin/stepcompute.js');
const pricing = join(root, 'examples/option-pricing');
const generator = ['--generator', join(pricing, 'simulation.mjs'), '--seed', '42'];

/** Where a picture begins, and how high it is, in pixels. */
const scenes = [
  { name: 'run', from: 'h1', height: 880 },
  { name: 'experiment', from: 'h2:has-text("Measure")', height: 820 },
  { name: 'differences', from: 'h2:has-text("Differences")', height: 900 },
];

const folder = mkdtempSync(join(tmpdir(), 'stepcompute-record-'));
const browser = await chromium.launch({
  executablePath: findChromium(),
  args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
});
try {
  stepcompute('run', '-n', '100000', ...generator);
  stepcompute('report', '1', '--out', 'run.html');
  const experiment = ['experiment', join(pricing, 'design.csv'), '--name', 'strikes'];
  stepcompute(...experiment, '-n', '10000', ...generator);
  const control = ['--control', '100-0.2'];
  stepcompute('report', '--experiment', 'strikes', ...control, '--out', 'experiment.html');
  mkdirSync(pictures, { recursive: true });
  for (const scene of scenes) for (const scheme of ['light', 'dark']) await record(scene, scheme);
} finally {
  await browser.close();
  rmSync(folder, { recursive: true });
}

function stepcompute(...args) {
  const environment = { PATH: process.env.PATH };
  execFileSync(process.execPath, [launcher, ...args], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

async function record({ name, from, height }, scheme) {
  const context = await browser.newContext({
    viewport: { width: 1100, height },
    colorScheme: scheme,
  });
  const page = await context.newPage();
  const file = name === 'run' ? 'run.html' : 'experiment.html';
  await page.goto(`file://${join(folder, file)}`);
  const { y } = await page.locator(from).first().boundingBox();
  const top = Math.max(0, y - 20);
  const session = await context.newCDPSession(page);
  const { data } = await session.send('Page.captureScreenshot', {
    format: 'webp',
    quality: 80,
    captureBeyondViewport: true,
    clip: { x: 0, y: top, width: 1100, height, scale: 1 },
  });
  writeFileSync(join(pictures, `${name}-${scheme}.webp`), Buffer.from(data, 'base64'));
  await context.close();
}
