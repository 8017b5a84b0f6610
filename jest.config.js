/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  // Tests exercise the package they stand in by its sources and the others as their users get them: built.
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  testMatch: ['<rootDir>/packages/*/test/**/*.test.ts', '<rootDir>/examples/*/test/**/*.test.ts'],
  globalSetup: '<rootDir>/testing/postgres/start.js',
  globalTeardown: '<rootDir>/testing/postgres/stop.js',
  testTimeout: 60_000,
};
