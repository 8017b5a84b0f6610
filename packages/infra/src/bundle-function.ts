/**
 * A program that bundles a function: `node bundle-function.js <outfile> <handler> [<simulation>]`.
 * Most of what a function does when it starts is to load TypeORM, so that is made smaller.
 */
import { basename } from 'node:path';
import { simulationModule } from '@stepcompute/aws-adapter/wire';
import { build, type Plugin } from 'esbuild';

/** Where the functions' driver and those that it builds upon are. TypeORM imports all of them. */
const driversInUse = ['aurora-postgres', 'postgres'];
const drivers =
  /[\\/]node_modules[\\/]typeorm[\\/]driver[\\/]([\w-]+)[\\/]\w+(?:Driver|QueryRunner)\.js$/;

/** An error where it is used, so that a simulation which brings TypeORM for another database learns why. */
const withoutOtherDrivers: Plugin = {
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

const [outfile = '', handler = '', simulation] = process.argv.slice(2);
build({
  entryPoints: [handler],
  outfile,
  bundle: true,
  minify: true,
  platform: 'node',
  format: 'cjs',
  target: 'node24',
  logLevel: 'error',
  // The SDK's ES modules, of which esbuild leaves out what nothing uses.
  mainFields: ['module', 'main'],
  alias: simulation === undefined ? {} : { [simulationModule]: simulation },
  plugins: [withoutOtherDrivers, later],
}).catch(() => {
  // It has said why.
  process.exitCode = 1;
});
