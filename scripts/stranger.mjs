/**
 * A stranger's first meeting with the packed packages, installed outside this repository and used by plain
 * Jest, an ESM project in TypeScript and a CommonJS one. Each must load them without a flag and get
 * the same average, to the bit.
 *
 *   node scripts/stranger.mjs [folder]
 *
 * With a folder the projects are kept there and found again, to be run by another version of Node.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** A double's shortest decimals name it to the bit, so that text is enough to compare. */
const expected = '459.09';

const root = resolve(import.meta.dirname, '..');
const tools = {
  '@types/jest': '30.0.0',
  '@types/node': '20.19.8',
  jest: '30.5.2',
  'ts-jest': '29.4.15',
  typescript: '6.0.3',
};

const simulation = `const { average } = await simulate(uniformInteger, { repetitions: 100, seed: 42 });`;
const print = 'process.stdout.write(`average ${average.mean}\\n`);';
const imports = `
import { uniformInteger } from '@stepcompute/core';
import { simulate } from '@stepcompute/inmemory-adapter';`;

const files = {
  'jest/package.json': { jest: { preset: 'ts-jest' } },
  'jest/tsconfig.json': { compilerOptions: { strict: true, types: ['jest', 'node'] } },
  'jest/average.test.ts': `${imports}
test('averages a hundred values', async () => {
  ${simulation}
  expect(average.count).toBe(100);
  ${print}
});
`,
  'jest/draw.js': `
module.exports = ({ random }) => random.integer(0, 1000);
`,
  'jest/threads.test.ts': `
import { inMemoryStores, InProcessOrchestrator, SystemClock } from '@stepcompute/inmemory-adapter';
import { WorkerThreads } from '@stepcompute/worker-threads';
test('averages a hundred values from worker threads', async () => {
  const threads = new WorkerThreads({ module: 'draw.js', workers: 2 });
  const orchestrator = new InProcessOrchestrator({
    generator: threads.generate,
    stores: inMemoryStores(),
    clock: new SystemClock(),
  });
  const { average } = await orchestrator.run({ repetitions: 100, seed: 42 });
  await threads.close();
  expect(String(average.mean)).toBe('${expected}');
});
`,
  'jest/chaos.test.ts': `
import { testChaos } from '@stepcompute/chaos';
import { InProcessOrchestrator } from '@stepcompute/core';
import { inMemoryStores, VirtualClock } from '@stepcompute/inmemory-adapter';
const stores = inMemoryStores();
testChaos({ describe, it }, {
  name: 'in process',
  open: () => stores,
  orchestrator: (parts) => new InProcessOrchestrator(parts),
  clock: () => new VirtualClock(),
});
`,
  'esm/package.json': { type: 'module' },
  'esm/tsconfig.json': {
    compilerOptions: {
      module: 'nodenext',
      target: 'es2023',
      strict: true,
      skipLibCheck: false,
      types: ['node'],
    },
  },
  'esm/average.ts': `${imports}
${simulation}
const mean: number = average.mean;
${print.replace('average.mean', 'mean')}
`,
  'cjs/package.json': { type: 'commonjs' },
  'cjs/average.js': `
const { uniformInteger } = require('@stepcompute/core');
const { simulate } = require('@stepcompute/inmemory-adapter');
(async () => {
  ${simulation}
  ${print}
})();
`,
};

const keptFolder = process.argv[2];
const folder = resolve(keptFolder ?? mkdtempSync(join(tmpdir(), 'stepcompute-stranger-')));
try {
  // npm writes its lock file last.
  if (!existsSync(join(folder, 'package-lock.json'))) install();
  judge('plain Jest', node('jest', 'jest/bin/jest.js', '--ci'));
  node('esm', 'typescript/bin/tsc');
  judge('ESM TypeScript', node('esm', './average.js'));
  judge('CommonJS', node('cjs', './average.js'));
} finally {
  if (keptFolder === undefined) rmSync(folder, { recursive: true, force: true });
}

function install() {
  mkdirSync(folder, { recursive: true });
  const npm = (cwd, ...args) => execFileSync('npm', args, { cwd, encoding: 'utf8' });
  const dependencies = { ...tools };
  for (const name of ['core', 'inmemory-adapter', 'worker-threads', 'chaos']) {
    const packed = npm(
      root,
      'pack',
      '--json',
      '--pack-destination',
      folder,
      '-w',
      `packages/${name}`,
    );
    dependencies[`@stepcompute/${name}`] = `file:${JSON.parse(packed)[0].filename}`;
  }
  for (const [path, content] of Object.entries({ ...files, 'package.json': { dependencies } })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(
      join(folder, path),
      typeof content === 'string' ? content : JSON.stringify(content, undefined, 2),
    );
  }
  npm(folder, 'install', '--no-audit', '--no-fund');
}

/** Runs a program of the installed packages, or of the project, by the Node that runs this. */
function node(project, program, ...args) {
  const path = program.startsWith('.') ? program : join(folder, 'node_modules', program);
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...args], {
    cwd: join(folder, project),
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  if (status === 0) return stdout;
  throw new Error(`${project}: ${program} failed\n${stdout}${stderr}`);
}

function judge(project, output) {
  const [, average] = /^average (.*)$/m.exec(output) ?? [];
  const verdict = average === expected ? 'ok' : `FAILED: expected ${expected}`;
  console.log(`${process.version} ${project.padEnd(14)} average ${average}  ${verdict}`);
  if (average !== expected) process.exitCode = 1;
}
