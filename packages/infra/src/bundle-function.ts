/**
 * A program that bundles a function, `index.mjs` in a folder:
 * `node bundle-function.js <folder> <BundleRequest>`. Most of what a function does when it starts is to load
 * TypeORM, so that is made smaller.
 */
import { basename, dirname, join, resolve } from 'node:path';
import { simulationModule } from '@stepcompute/aws-adapter/wire';
import { build, type Plugin } from 'esbuild';
import type { BundleRequest, DatabaseKind } from './bundle-request.js';
import { bundleSimulation, Refusal, simulationFile } from './bundle-simulation.js';

/** TypeORM's drivers, of which it imports all, and the packages that each way to a database needs. */
const needs: Readonly<
  Record<
    DatabaseKind,
    { readonly drivers: readonly string[]; readonly packages: readonly string[] }
  >
> = {
  'data-api': {
    drivers: ['aurora-postgres', 'postgres'],
    packages: ['@aws-sdk/client-rds-data'],
  },
  postgres: {
    drivers: ['postgres'],
    packages: ['pg', '@stepcompute/sql-store/postgres', '@aws-sdk/client-secrets-manager'],
  },
};
const drivers =
  /[\\/]node_modules[\\/]typeorm[\\/]driver[\\/]([\w-]+)[\\/]\w+(?:Driver|QueryRunner)\.js$/;

/** An error where it is used, so that a simulation which brings TypeORM for another database learns why. */
function withoutOtherDrivers(driversInUse: readonly string[]): Plugin {
  return {
    name: 'without-other-drivers',
    setup(bundler) {
      bundler.onLoad({ filter: drivers }, ({ path }) => {
        const [, folder = ''] = drivers.exec(path) ?? [];
        if (driversInUse.includes(folder)) return undefined;
        const name = basename(path, '.js');
        const reason = `${name} is not in this function: its TypeORM has PostgreSQL’s drivers alone`;
        return {
          contents: `exports.${name} = class { constructor() { throw new Error(${JSON.stringify(reason)}); } };`,
        };
      });
    },
  };
}

/** TypeORM loads these at once, and needs them to colour its log and to find entities by patterns. */
const neededLater = /^(@sqltools\/formatter|ansis|debug|sql-highlight|tinyglobby)$/;
const inTypeOrm = /[\\/]node_modules[\\/]typeorm[\\/]/;

/** Loads them when something of them is used. None is an ES module: what TypeORM takes for its default export is the whole. */
const later: Plugin = {
  name: 'later',
  setup(bundler) {
    bundler.onResolve(
      { filter: neededLater, namespace: 'file' },
      ({ path, importer, resolveDir }) =>
        inTypeOrm.test(importer) ? { path, namespace: 'later', pluginData: resolveDir } : undefined,
    );
    bundler.onLoad({ filter: /./, namespace: 'later' }, ({ path, pluginData }) => ({
      contents: `module.exports = new Proxy({}, {
        get: (_, name) => name === '__esModule' ? undefined : require(${JSON.stringify(path)})[name],
      });`,
      resolveDir: pluginData as string,
    }));
  },
};

/** The deployed simulation, which the function loads before anything else. */
const deployedSimulation: Plugin = {
  name: 'deployed-simulation',
  setup(bundler) {
    const filter = new RegExp(`^${simulationModule}$`);
    bundler.onResolve({ filter }, ({ path }) => ({ path, namespace: 'simulation' }));
    bundler.onLoad({ filter, namespace: 'simulation' }, () => ({
      contents: 'module.exports = __stepcomputeSimulation;',
    }));
  },
};

/** The bundle is an ES module, and most of what is in it is not: that needs `require`. */
const withRequire = `import { createRequire as __stepcomputeRequire } from 'node:module';
const require = __stepcomputeRequire(import.meta.url);`;

/**
 * Node.js reads a module's source map where it has been told to before it loads the module. One that can't be
 * loaded ends the function's start, so that Lambda tries again in another process, with an error of one line.
 */
const withSimulation = `process.setSourceMapsEnabled(true);
const __stepcomputeSimulation = await import('./${simulationFile}').catch((thrown) => {
  const [, place] = /^ +at .*?([^\\/(]+:\\d+:\\d+)\\)?$/m.exec(thrown?.stack) ?? [];
  const message = \`the simulation’s module can’t be loaded in its function: \${thrown}\${place ? \` (\${place})\` : ''}\`;
  throw Object.assign(new Error(message), { name: 'InvalidInputError', stack: \`InvalidInputError: \${message}\` });
});`;

async function main([given = '', request = '']: readonly string[]): Promise<void> {
  const folder = resolve(given);
  const { handler, databases, architecture, simulation } = JSON.parse(request) as BundleRequest;
  const warnings =
    simulation === undefined ? [] : await bundleSimulation(folder, simulation, architecture);
  for (const line of warnings) console.error(line);
  await build({
    stdin: {
      contents: `export { handler } from ${JSON.stringify(handler)};`,
      resolveDir: dirname(handler),
    },
    outfile: join(folder, 'index.mjs'),
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    logLevel: 'silent',
    banner: { js: simulation === undefined ? withRequire : `${withRequire}\n${withSimulation}` },
    // The SDK's ES modules, of which esbuild leaves out what nothing uses.
    mainFields: ['module', 'main'],
    // The handlers load these where they open such a database.
    external: Object.entries(needs).flatMap(([kind, { packages }]) =>
      databases.includes(kind as DatabaseKind) ? [] : packages,
    ),
    plugins: [
      withoutOtherDrivers(databases.flatMap((kind) => needs[kind].drivers)),
      later,
      ...(simulation === undefined ? [] : [deployedSimulation]),
    ],
  });
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Refusal ? error.message : error);
  process.exitCode = 1;
});
