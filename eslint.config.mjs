import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const noExportAll = {
  selector: 'ExportAllDeclaration',
  message: 'Name what is exported: a package’s surface is a decision, not a by-product.',
};
const noDefaultExport = {
  selector: 'ExportDefaultDeclaration',
  message: 'Use a named export, so that a thing has one name everywhere.',
};

export default defineConfig(
  { ignores: ['**/cdk.out/', '**/dist/', '**/coverage/', '**/.peers/', '**/.stepcompute/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.{js,mjs,cjs}'],
    extends: [tseslint.configs.recommended],
  },
  {
    files: ['**/*.{ts,mts,cts}'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['packages/*/tsconfig.json', 'examples/*/tsconfig.json', 'tsconfig.tests.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      // `() => stop()` is the shortest way to drop a result, and the return type says that it does.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Under noUncheckedIndexedAccess it is how a loop says that its index is in bounds, at no cost.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // `async` without `await` turns a throw into the rejection that a port promises.
      '@typescript-eslint/require-await': 'off',
      // To leave a field out of the rest is how an object is copied without it.
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      // Numbers print one way only. Objects, null and undefined stay forbidden.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
    },
  },
  {
    rules: {
      eqeqeq: 'error',
      // A method cannot be called with `new`, so what is one by its name stays a function.
      'object-shorthand': ['error', 'always', { ignoreConstructors: true }],
      'no-restricted-syntax': ['error', noExportAll, noDefaultExport],
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: '^@stepcompute/[^/]+/(src|dist|test)(/|$)',
              message: 'Import what the package exports.',
            },
            {
              regex: '^(\\.\\./)+(packages/)?[a-z-]+/(src|dist|test)(/|$)',
              message: 'Import another package by its name.',
            },
          ],
        },
      ],
    },
  },
  {
    // Tools take their configuration, and the CLI a generator, as a module's default export.
    files: ['*.config.mjs', 'examples/**', '**/simulations/*.{mjs,ts}'],
    rules: { 'no-restricted-syntax': ['error', noExportAll] },
  },
  {
    // CommonJS has no other way to import.
    files: ['**/*.{js,cjs}'],
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  {
    // TypeORM declares the options of an entity schema as classes, and asks for object literals.
    files: ['packages/sql-store/src/schema.ts', 'packages/sql-store/test/own-database.test.ts'],
    rules: { '@typescript-eslint/no-unsafe-class-instance-assignment': 'off' },
  },
);
