/**
 * Which package may import what. Packages still to come are listed too, so that their first file
 * meets the rule. A workspace package resolves to its own `dist`, so that is what a rule names.
 */

const workspace = (name) => `^packages/${name}/dist/`;
const npm = (name) => `(^|/)node_modules/${name}/`;
const inversify = [npm('inversify'), npm('reflect-metadata')];

const inmemoryAdapter = [workspace('core')];
const sqlStore = [workspace('core'), npm('typeorm'), npm('exponential-backoff'), npm('semver')];
const awsAdapter = [
  ...sqlStore,
  workspace('sql-store'),
  npm('@aws-sdk/[^/]+'),
  npm('@aws-lambda-powertools/[^/]+'),
  npm('@types/aws-lambda'),
];

/** Of aws-adapter, all that infra knows. */
const wire = '^packages/aws-adapter/dist/wire/';

/** What the sources under a path may import beside their own package's, or a part of it; the longest path counts. */
const places = {
  'core/src/': { builtins: false, allowed: [] },
  'inmemory-adapter/src/': { allowed: inmemoryAdapter },
  'inmemory-adapter/src/inversify.': { allowed: [...inmemoryAdapter, ...inversify] },
  'worker-threads/src/': { allowed: [workspace('core')] },
  'opentelemetry/src/': { allowed: [workspace('core'), npm('@opentelemetry/api')] },
  'simulation-file/src/': { allowed: [workspace('core'), npm('esbuild')] },
  'embedded-postgres/src/': { allowed: [npm('@electric-sql/pglite')] },
  'report/src/': { allowed: [workspace('core'), npm('@observablehq/plot'), npm('linkedom')] },
  'sql-store/src/': { allowed: sqlStore },
  'sql-store/src/inversify.': { allowed: [...sqlStore, ...inversify] },
  'sql-store/src/pglite': { allowed: [...sqlStore, workspace('embedded-postgres')] },
  'sql-store/src/server/': { allowed: [...sqlStore, npm('pg'), npm('@types/pg')] },
  'sql-store/src/postgres': { allowed: [...sqlStore, npm('pg'), npm('@types/pg')] },
  'aws-adapter/src/': { allowed: awsAdapter },
  'aws-adapter/src/inversify.': { allowed: [...awsAdapter, ...inversify] },
  // Light, since whatever deploys the functions loads it.
  'aws-adapter/src/wire/': {
    own: 'aws-adapter/src/wire/',
    builtins: false,
    allowed: [workspace('core')],
  },
  'aws-adapter/src/handlers/': {
    // The deployed simulation is imported by its public name, for which a bundler puts the user's.
    allowed: [
      ...awsAdapter,
      ...inversify,
      workspace('opentelemetry'),
      '^packages/aws-adapter/dist/simulation',
    ],
  },
  // The kit comes with every install; its programs load what a target needs when it is chosen.
  'chaos/src/': { builtins: false, allowed: [workspace('core')] },
  'chaos/src/postgres-cluster.ts': { allowed: [workspace('core')] },
  'chaos/src/programs/': { allowed: ['.'] },
  'infra/src/': { allowed: [wire, npm('aws-cdk-lib'), npm('constructs')] },
  'infra/src/bundle-': {
    allowed: [
      wire,
      workspace('simulation-file'),
      npm('esbuild'),
      npm('@vercel/nft'),
      npm('@jridgewell/sourcemap-codec'),
    ],
  },
};

const importRules = Object.entries(places).map(
  ([place, { own = `${place.split('/')[0]}/src/`, builtins = true, allowed }]) => ({
    name: `imports-of-${place.replace(/\W+/g, '-').replace(/-$/, '')}`,
    comment: 'The architecture’s import rule: see .dependency-cruiser.cjs.',
    severity: 'error',
    from: {
      path: `^packages/${place}`,
      pathNot: Object.keys(places)
        .filter((other) => other !== place && other.startsWith(place))
        .map((other) => `^packages/${other}`),
    },
    to: {
      pathNot: [`^packages/${own}`, ...allowed],
      ...(builtins && { dependencyTypesNot: ['core'] }),
    },
  }),
);

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...importRules,
    {
      name: 'rehearsal-stands-alone',
      comment:
        'It plays the part of AWS, which knows nothing of this product; nor does the database that it embeds.',
      severity: 'error',
      from: { path: '^packages/rehearsal/src/' },
      to: { path: '^(packages/(?!(rehearsal|embedded-postgres)/)|examples/)' },
    },
    {
      name: 'orchestrators-apart',
      comment: 'What binds the orchestrators is core’s contract suite, not each other.',
      severity: 'error',
      from: { path: '^packages/(inmemory-adapter|aws-adapter)/src/' },
      to: { path: '^packages/(inmemory-adapter|aws-adapter)/', pathNot: '^packages/$1/' },
    },
    {
      name: 'light-entry-points',
      comment: 'A package’s main entry point drags in no container and no driver.',
      severity: 'error',
      from: { path: '^packages/(core|inmemory-adapter|sql-store|aws-adapter)/src/index\\.ts$' },
      to: {
        path: [
          ...inversify,
          npm('pg'),
          npm('@electric-sql/pglite'),
          workspace('embedded-postgres'),
        ],
        reachable: true,
      },
    },
    {
      name: 'no-deep-imports',
      comment: 'Another package is imported by its name, through what it exports.',
      severity: 'error',
      from: { path: '^(packages|examples)/([^/]+)/' },
      to: { path: '^(packages|examples)/', pathNot: '^$1/$2/', dependencyTypes: ['local'] },
    },
    {
      name: 'no-cycles',
      comment: 'Data flows one way, and types with it.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unresolvable',
      comment:
        'A rule cannot judge what it cannot find. Is the import misspelt, or a package unbuilt?',
      severity: 'error',
      // The peers that a benchmark measures are installed by the benchmark.
      from: { pathNot: '^benchmarks/(contestants/|plots\\.mjs)' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: ['(^|/)node_modules/', '(^|/)dist/'] },
    exclude: { path: '^benchmarks/\\.peers/' },
    // Imports of types alone count: the domain may not even know another package's types.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'require', 'node', 'default'],
      mainFields: ['types', 'main'],
    },
  },
};
