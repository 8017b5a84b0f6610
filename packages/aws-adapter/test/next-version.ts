import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(__dirname, '../../..');
const packages = ['core', 'sql-store', 'simulation-file', 'aws-adapter', 'infra'];

/** A migration that the next version adds to those of this one: older code may go on. */
const migration = `
exports.migrations.push(class AddNote {
  name = 'AddNote1999000000000';
  up(runner) { return runner.query('ALTER TABLE stepcompute_run ADD COLUMN note text'); }
});
`;

export interface NextVersion {
  /** Its CDK app. */
  readonly app: string;
  readonly remove: () => void;
}

/** This version's packages with one more migration, beside the same packages of others. */
export function makeNextVersion(): NextVersion {
  const folder = mkdtempSync(join(tmpdir(), 'stepcompute-next-'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const scope = join(folder, 'next/node_modules/@stepcompute');
  for (const each of packages) {
    mkdirSync(join(scope, each), { recursive: true });
    for (const part of ['package.json', 'dist']) {
      cpSync(join(root, 'packages', each, part), join(scope, each, part), { recursive: true });
    }
  }
  appendFileSync(join(scope, 'sql-store/dist/migrations.js'), migration);
  return {
    app: join(scope, 'infra/dist/app.js'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
