/**
 * A stranger's first meeting with the packed packages, installed outside this repository, beside the oldest
 * and the newest of what they have for peers. Each project must load and compile them without a flag and
 * get the same average, to the bit.
 *
 *   node scripts/stranger.mjs [folder]
 *
 * With a folder the projects are kept there and found again, to be run by another version of Node.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** A double's shortest decimals name it to the bit, so that text is enough to compare. */
const expected = '459.09';

const root = resolve(import.meta.dirname, '..');

const libraries = [
  'core',
  'inmemory-adapter',
  'worker-threads',
  'embedded-postgres',
  'sql-store',
  'report',
  'chaos',
];
const onAws = ['aws-adapter', 'rehearsal'];
/** The command, and what comes with it. */
const command = [
  'core',
  'inmemory-adapter',
  'worker-threads',
  'simulation-file',
  'embedded-postgres',
  'sql-store',
  'report',
  'cli',
];
/** The constructs, and all that is needed to rehearse what they deploy. */
const deployment = [
  'core',
  'simulation-file',
  'embedded-postgres',
  'sql-store',
  'aws-adapter',
  'infra',
  'inmemory-adapter',
  'rehearsal',
];
const peers = { 'reflect-metadata': '0.2.2' };
const tools = { '@types/node': '20.19.8' };

const simulation = `const { average } = await simulate(uniformInteger, { repetitions: 100, seed: 42 });`;
const print = 'process.stdout.write(`average ${average.mean}\\n`);';
const imports = `
import { uniformInteger } from '@stepcompute/core';
import { simulate } from '@stepcompute/inmemory-adapter';`;
const compiler = { target: 'es2023', strict: true, types: ['node'] };

/** A service with a container of Inversify, over an embedded PostgreSQL. */
const service = `
import 'reflect-metadata';
import { Orchestrator, uniformInteger, ValueGenerator } from '@stepcompute/core';
import { inProcessModule } from '@stepcompute/inmemory-adapter/inversify';
import { schemas } from '@stepcompute/sql-store';
import { sqlStoresModule } from '@stepcompute/sql-store/inversify';
import { openPglite } from '@stepcompute/sql-store/pglite';
import { Container } from 'inversify';
import { DataSource } from 'typeorm';

export const own = (): DataSource => new DataSource({ type: 'postgres', entities: [...schemas] });

async function main(): Promise<void> {
  const dataSource: DataSource = await openPglite();
  const container = new Container();
  // Of Inversify 7 a promise.
  await container.load(sqlStoresModule(dataSource), inProcessModule());
  container.bind<ValueGenerator>(ValueGenerator).toConstantValue(uniformInteger);
  const orchestrator = container.get<Orchestrator>(Orchestrator);
  const { average } = await orchestrator.run({ repetitions: 100, seed: 42 });
  await dataSource.destroy();
  ${print}
}
void main();
`;

const jest = {
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
  'jest/service.test.ts': `
import { inMemoryStoresModule, inProcessModule } from '@stepcompute/inmemory-adapter/inversify';
import { sqlStoresModule } from '@stepcompute/sql-store/inversify';
import { openPglite } from '@stepcompute/sql-store/pglite';
test('loads every module', () => {
  for (const each of [inMemoryStoresModule, inProcessModule, sqlStoresModule, openPglite]) {
    expect(each).toBeInstanceOf(Function);
  }
});
`,
  'jest/report.test.ts': `
import { InProcessOrchestrator, uniformInteger } from '@stepcompute/core';
import { inMemoryStores } from '@stepcompute/inmemory-adapter';
import { runReport } from '@stepcompute/report';
test('makes a page of a run', async () => {
  const stores = inMemoryStores();
  const orchestrator = new InProcessOrchestrator({ generator: uniformInteger, stores });
  const { run } = await orchestrator.run({ repetitions: 100, seed: 42 });
  expect(await runReport(stores, run.id)).toContain('<svg');
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
};

const jestEsm = {
  'jest-esm/package.json': { type: 'module', jest: { testEnvironment: 'node' } },
  'jest-esm/average.test.js': `${imports}
test('averages a hundred values', async () => {
  ${simulation}
  ${print}
});
`,
};

const vitest = {
  'vitest/package.json': { type: 'module' },
  'vitest/average.test.ts': `
import { expect, test } from 'vitest';${imports}
test('averages a hundred values', async () => {
  ${simulation}
  expect(average.count).toBe(100);
  ${print}
});
`,
};

const esm = {
  'esm/package.json': { type: 'module' },
  'esm/tsconfig.json': {
    compilerOptions: { ...compiler, module: 'nodenext', skipLibCheck: false },
  },
  'esm/average.ts': `${imports}
${simulation}
const mean: number = average.mean;
${print.replace('average.mean', 'mean')}
`,
};

const cjs = {
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

/** The service as an ES module, as CommonJS, and as a bundler's project, which is compiled alone. */
const serviceEsm = {
  'service-esm/package.json': { type: 'module' },
  'service-esm/tsconfig.json': {
    compilerOptions: { ...compiler, module: 'nodenext', skipLibCheck: true },
  },
  'service-esm/service.ts': service,
};
const serviceCjs = {
  'service-cjs/package.json': { type: 'commonjs' },
  'service-cjs/tsconfig.json': {
    compilerOptions: { ...compiler, module: 'nodenext', skipLibCheck: true },
  },
  'service-cjs/service.ts': service,
};
const serviceBundler = {
  'service-bundler/package.json': { type: 'module' },
  'service-bundler/tsconfig.json': {
    compilerOptions: {
      ...compiler,
      module: 'esnext',
      moduleResolution: 'bundler',
      skipLibCheck: true,
      noEmit: true,
    },
  },
  'service-bundler/service.ts': service,
};

/** The Data API as a rehearsal plays it, of an assembly that has a cluster alone. */
const dataApi = {
  'data-api/package.json': { type: 'module' },
  'data-api/assembly/manifest.json': {
    version: '48.0.0',
    artifacts: {
      Tiny: {
        type: 'aws:cloudformation:stack',
        properties: { templateFile: 'Tiny.template.json' },
      },
    },
  },
  'data-api/assembly/Tiny.assets.json': { files: {} },
  'data-api/assembly/Tiny.template.json': {
    Resources: {
      Secret: { Type: 'AWS::SecretsManager::Secret' },
      Cluster: {
        Type: 'AWS::RDS::DBCluster',
        Properties: { EnableHttpEndpoint: true, DatabaseName: 'stepcompute' },
      },
      Attachment: {
        Type: 'AWS::SecretsManager::SecretTargetAttachment',
        Properties: { SecretId: { Ref: 'Secret' }, TargetId: { Ref: 'Cluster' } },
      },
    },
  },
  'data-api/average.js': `
import { RDSDataClient } from '@aws-sdk/client-rds-data';
import { openDataApi } from '@stepcompute/aws-adapter';
import { InProcessOrchestrator, uniformInteger } from '@stepcompute/core';
import { readCloudAssembly, Rehearsal } from '@stepcompute/rehearsal';
import { migrateSchema, schemaState, typeOrmStores } from '@stepcompute/sql-store';
const { clusters: [{ arn: resourceArn, secretArn, database }] } = readCloudAssembly('assembly');
const rehearsal = await Rehearsal.start({ assembly: 'assembly' });
const { endpoint } = rehearsal;
const client = new RDSDataClient({
  endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
});
const dataSource = await openDataApi({ client, resourceArn, secretArn, database });
await migrateSchema(dataSource);
if ((await schemaState(dataSource)) !== 'current') throw new Error('not migrated');
const stores = typeOrmStores(dataSource);
const orchestrator = new InProcessOrchestrator({ generator: uniformInteger, stores });
const { run } = await orchestrator.run({ repetitions: 50, seed: 42 });
const { average } = await orchestrator.resume(run.id, { repetitions: 100 });
${print}
await dataSource.destroy();
await rehearsal.close();
`,
};

/** The resolution before Node 16, which knows no `exports`. */
const node10 = {
  'node10/package.json': { type: 'commonjs' },
  'node10/tsconfig.json': {
    compilerOptions: {
      ...compiler,
      module: 'commonjs',
      moduleResolution: 'node10',
      esModuleInterop: true,
      skipLibCheck: true,
    },
  },
  'node10/service.ts': service,
};

/** A container that wires classes by decorators. */
const nest = {
  'nest/package.json': { type: 'commonjs' },
  'nest/tsconfig.json': {
    compilerOptions: {
      ...compiler,
      module: 'nodenext',
      skipLibCheck: true,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
    },
  },
  'nest/service.ts': `
import 'reflect-metadata';
import { Inject, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { InProcessOrchestrator, Orchestrator, Stores, uniformInteger } from '@stepcompute/core';
import { inMemoryStores } from '@stepcompute/inmemory-adapter';

@Injectable()
class Averages {
  constructor(@Inject(Orchestrator) private readonly orchestrator: Orchestrator) {}
  async mean(): Promise<number> {
    const { average } = await this.orchestrator.run({ repetitions: 100, seed: 42 });
    return average.mean;
  }
}

@Module({
  providers: [
    Averages,
    { provide: Stores, useFactory: () => inMemoryStores() },
    {
      provide: Orchestrator,
      inject: [Stores],
      useFactory: (stores: Stores) => new InProcessOrchestrator({ generator: uniformInteger, stores }),
    },
  ],
})
class App {}

async function main(): Promise<void> {
  const app = await NestFactory.createApplicationContext(App, { logger: false });
  const mean = await app.get(Averages).mean();
  ${print.replace('average.mean', 'mean')}
  await app.close();
}
void main();
`,
};

/** A CDK app with a simulation of its own, and its rehearsal. */
const cdk = {
  'cdk/package.json': { type: 'commonjs' },
  'cdk/tsconfig.json': {
    compilerOptions: { ...compiler, module: 'nodenext', skipLibCheck: true },
    exclude: ['draw.ts'],
  },
  'cdk/draw.ts': `
import type { IterationContext } from '@stepcompute/core';
export default ({ random }: IterationContext): number => random.integer(0, 1000);
`,
  'cdk/app.ts': `
import { StepCompute, StepComputeDatabase } from '@stepcompute/infra';
import { App, Duration, Stack } from 'aws-cdk-lib';
import { Vpc } from 'aws-cdk-lib/aws-ec2';
const app = new App({ outdir: 'cdk.out' });
const stack = new Stack(app, 'Draws');
const database = new StepComputeDatabase(stack, 'Database', {
  vpc: new Vpc(stack, 'Vpc', { restrictDefaultSecurityGroup: false }),
  backup: { retention: Duration.days(14) },
});
const { simulationFunctions, stateMachine } = new StepCompute(stack, 'Draws', {
  generator: { entry: 'draw.ts' },
  delay: Duration.millis(0),
  database,
});
for (const each of simulationFunctions) stateMachine.grantRead(each);
app.synth();
`,
  'cdk/rehearse.ts': `
import { SFNClient } from '@aws-sdk/client-sfn';
import { openDataApi, StepFunctionsOrchestrator } from '@stepcompute/aws-adapter';
import { Rehearsal } from '@stepcompute/rehearsal';
import { typeOrmStores } from '@stepcompute/sql-store';
import { join } from 'node:path';

async function main(): Promise<void> {
  const rehearsal = await Rehearsal.start({ assembly: join(__dirname, 'cdk.out') });
  Object.assign(process.env, rehearsal.environment);
  const [cluster] = rehearsal.clusters;
  const [stateMachineArn] = Object.values(rehearsal.stateMachines);
  const { arn: resourceArn, secretArn, database = '' } = cluster!;
  const dataSource = await openDataApi({ resourceArn, secretArn, database });
  const stores = typeOrmStores(dataSource);
  const orchestrator = new StepFunctionsOrchestrator({
    client: new SFNClient({}),
    stateMachineArn: stateMachineArn!,
    stores,
    delayMs: 0,
    pollMs: 50,
  });
  const { average } = await orchestrator.run({ repetitions: 100, seed: 42 });
  await rehearsal.close();
  ${print}
}
void main();
`,
};

const terminal = {
  'terminal/package.json': { type: 'module' },
  'terminal/draw.ts': `
import type { IterationContext } from '@stepcompute/core';
export default ({ random }: IterationContext): number => random.integer(0, 1000);
`,
};

/** Runs the command in a project of its own. */
const stepcompute = (...args) => node('terminal', '@stepcompute/cli/bin/stepcompute.js', ...args);
const averageOf = (output) => `average ${JSON.parse(output.trim().split('\n').at(-1)).average}`;
const hundred = ['run', '-n', '100', '--seed', '42', '--json'];

const runJest = (project) => node(project, 'jest/bin/jest.js', '--ci');
const compiled = (project, program) => {
  node(project, 'typescript/bin/tsc');
  return program === undefined ? undefined : node(project, program);
};

/** Packages that are installed together, and the projects beside them. */
const installations = [
  {
    name: 'TypeORM 1, Inversify 7, TypeScript 6',
    packages: [...libraries, ...onAws],
    dependencies: {
      ...peers,
      ...tools,
      '@nestjs/common': '11.1.9',
      '@nestjs/core': '11.1.9',
      '@types/jest': '30.0.0',
      inversify: '7.11.0',
      jest: '30.5.2',
      pg: '8.23.1',
      rxjs: '7.8.2',
      'ts-jest': '29.4.15',
      typeorm: '1.1.1',
      typescript: '6.0.3',
      vitest: '4.0.15',
    },
    files: {
      ...jest,
      ...jestEsm,
      ...vitest,
      ...esm,
      ...cjs,
      ...serviceEsm,
      ...serviceCjs,
      ...serviceBundler,
      ...nest,
      ...dataApi,
    },
    projects: {
      'the Data API': () => node('data-api', './average.js'),
      'plain Jest': () => runJest('jest'),
      // Jest's own flag for ES modules.
      'Jest with ES modules': () =>
        node('jest-esm', '--experimental-vm-modules', 'jest/bin/jest.js', '--ci'),
      Vitest: () => node('vitest', 'vitest/vitest.mjs', 'run', '--reporter=verbose'),
      'ESM TypeScript': () => compiled('esm', './average.js'),
      CommonJS: () => node('cjs', './average.js'),
      'a service, ESM': () => compiled('service-esm', './service.js'),
      'a service, CommonJS': () => compiled('service-cjs', './service.js'),
      'a service, bundler': () => compiled('service-bundler'),
      NestJS: () => compiled('nest', './service.js'),
    },
  },
  {
    name: 'TypeORM 0.3, TypeScript 5.9',
    packages: [...libraries, ...onAws],
    dependencies: {
      ...peers,
      ...tools,
      inversify: '7.11.0',
      pg: '8.16.3',
      typeorm: '0.3.20',
      typescript: '5.9.3',
    },
    files: { ...serviceEsm, ...serviceCjs, ...serviceBundler, ...node10, ...dataApi },
    projects: {
      'the Data API': () => node('data-api', './average.js'),
      'a service, ESM': () => compiled('service-esm', './service.js'),
      'a service, CommonJS': () => compiled('service-cjs', './service.js'),
      'a service, bundler': () => compiled('service-bundler'),
      'a service, node10': () => compiled('node10', './service.js'),
    },
  },
  {
    name: 'Inversify 8, TypeScript 7',
    dependencies: {
      ...peers,
      ...tools,
      inversify: '8.2.3',
      pg: '8.23.1',
      typeorm: '1.1.1',
      typescript: '7.0.2',
    },
    files: { ...esm, ...serviceEsm, ...serviceBundler },
    projects: {
      'ESM TypeScript': () => compiled('esm', './average.js'),
      'a service, ESM': () => compiled('service-esm', './service.js'),
      'a service, bundler': () => compiled('service-bundler'),
    },
  },
];

for (const [age, versions] of Object.entries({
  // The first with Validations.acknowledge(), by which findings of cdk-nag 3 are answered.
  oldest: { 'aws-cdk-lib': '2.252.0', constructs: '10.5.0' },
  newest: { 'aws-cdk-lib': '2.276.0', constructs: '10.8.1' },
})) {
  installations.push({
    name: `CDK, the ${age}`,
    packages: deployment,
    dependencies: { ...tools, ...versions, typescript: '6.0.3' },
    files: cdk,
    projects: {
      'a CDK app': () => {
        compiled('cdk', './app.js');
        if (existsSync(join(folder, 'node_modules/cdk-nag'))) {
          throw new Error('cdk-nag must come with no package of ours');
        }
      },
      'its rehearsal': () => node('cdk', './rehearse.js'),
    },
  });
}

const commandAlone = {
  name: 'The command alone',
  packages: command,
  dependencies: {},
  files: terminal,
  projects: {
    'in memory': () => averageOf(stepcompute(...hundred, '--db', 'memory')),
    'TypeScript, a folder': () =>
      averageOf(stepcompute(...hundred, '--generator', 'draw.ts', '--db', `runs-${process.pid}`)),
    'worker threads': () =>
      averageOf(
        stepcompute(...hundred, '--generator', 'draw.ts', '--workers', '2', '--db', 'memory'),
      ),
    'a page, and Parquet': () => {
      const db = ['--db', `pages-${process.pid}`];
      stepcompute(...hundred, ...db);
      stepcompute('report', '1', '--out', `page-${process.pid}.html`, ...db);
      stepcompute(
        'values',
        '1',
        '--format',
        'parquet',
        '--out',
        `values-${process.pid}.parquet`,
        ...db,
      );
    },
    'what rehearse needs': () => {
      try {
        stepcompute('rehearse');
      } catch (error) {
        if (/npm install @stepcompute\/aws-adapter @stepcompute\/infra/.test(error.message)) return;
      }
      throw new Error('rehearse must say what to install');
    },
  },
};
installations.push(commandAlone);

const keptFolder = process.argv[2];
const home = resolve(keptFolder ?? mkdtempSync(join(tmpdir(), 'stepcompute-stranger-')));
let folder = home;
try {
  mkdirSync(home, { recursive: true });
  for (const [index, installation] of installations.entries()) {
    const { name, packages = libraries, dependencies, files, projects } = installation;
    folder = join(home, String(index));
    // npm writes its lock file last.
    if (!existsSync(join(folder, 'package-lock.json'))) install(packages, dependencies, files);
    console.log(`${name} (${megabytesOf(join(folder, 'node_modules'))} MB):`);
    for (const [project, run] of Object.entries(projects)) judge(project, run());
  }
} finally {
  if (keptFolder === undefined) rmSync(home, { recursive: true, force: true });
}

function install(packages, peersAndTools, files) {
  mkdirSync(folder, { recursive: true });
  const dependencies = { ...peersAndTools };
  for (const name of withNeeded(packages)) {
    dependencies[`@stepcompute/${name}`] = `file:${packed(name)}`;
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

/** With those of our packages that they depend on, which are in no registry yet. */
function withNeeded(packages) {
  const all = new Set(packages);
  for (const name of all) {
    const manifest = readFileSync(join(root, 'packages', name, 'package.json'), 'utf8');
    for (const needed of Object.keys(JSON.parse(manifest).dependencies ?? {})) {
      if (needed.startsWith('@stepcompute/')) all.add(needed.slice('@stepcompute/'.length));
    }
  }
  return all;
}

function megabytesOf(path) {
  const bytes = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => statSync(join(entry.parentPath, entry.name)).size);
  return Math.round(bytes.reduce((sum, size) => sum + size, 0) / 1e6);
}

/** The package as npm would publish it. */
function packed(name) {
  const tarball = join(home, `${name}.tgz`);
  if (!existsSync(tarball)) {
    const answer = npm(
      root,
      'pack',
      '--json',
      '--pack-destination',
      home,
      '-w',
      `packages/${name}`,
    );
    const [{ filename }] = JSON.parse(answer);
    renameSync(join(home, filename), tarball);
  }
  return tarball;
}

function npm(cwd, ...args) {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs a program of the installed packages, or of the project, by the Node that runs this. */
function node(project, ...args) {
  const program = args.findIndex((arg) => !arg.startsWith('--'));
  const located = args.map((arg, index) =>
    index !== program || arg.startsWith('.') ? arg : join(folder, 'node_modules', arg),
  );
  const { status, stdout, stderr } = spawnSync(process.execPath, located, {
    cwd: join(folder, project),
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  if (status === 0) return stdout;
  throw new Error(`${project}: ${args[program]} failed\n${stdout}${stderr}`);
}

/** @param output undefined of a project that has none to judge */
function judge(project, output) {
  const [, average] = /^average (.*)$/m.exec(output ?? '') ?? [];
  const isRight = output === undefined || average === expected;
  const outcome = output === undefined ? '' : `average ${average}`;
  const verdict = isRight ? 'ok' : `FAILED: expected ${expected}`;
  console.log(`  ${process.version} ${project.padEnd(22)} ${outcome.padEnd(16)} ${verdict}`);
  if (!isRight) process.exitCode = 1;
}
