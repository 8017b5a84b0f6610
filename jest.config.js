const swc = [
  '@swc/jest',
  { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
];

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  // Tests exercise the package they stand in by its sources and the others as their users get them: built.
  transform: {
    '^.+\\.ts$': swc,
    // ES modules alone, which Jest can't load.
    '/node_modules/(string-width|strip-ansi|ansi-regex|get-east-asian-width|hyparquet|hyparquet-writer)/.+\\.js$':
      swc,
  },
  transformIgnorePatterns: [],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  testMatch: ['<rootDir>/packages/*/test/**/*.test.ts', '<rootDir>/examples/*/test/**/*.test.ts'],
  globalSetup: '<rootDir>/testing/start.js',
  globalTeardown: '<rootDir>/testing/stop.js',
  // A guard against a test that hangs, never a measure of its speed: machines are busy.
  testTimeout: 600_000,
  // The tests wait for processes of their own as much as they compute.
  maxWorkers: '100%',
};
