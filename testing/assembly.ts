import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export interface TestAssembly {
  readonly folder: string;
  readonly remove: () => void;
}

const root = resolve(__dirname, '..');

/**
 * The cloud assembly of a CDK app, ours unless told otherwise, with this context, in a folder of its
 * own. Each is synthesized once for all test files, and copied.
 */
export function synthesize(
  context: Readonly<Record<string, string>> = {},
  app = join(root, 'packages/infra/dist/app.js'),
): TestAssembly {
  const { STEPCOMPUTE_TEST_FOLDER: shared = '' } = process.env;
  const key = createHash('sha256').update(JSON.stringify([app, context])).digest('hex');
  const original = join(shared, key);
  if (!existsSync(original)) {
    const made = mkdtempSync(join(shared, 'making-'));
    execFileSync(process.execPath, [app], {
      cwd: root,
      env: { ...process.env, ...unvalidated, CDK_OUTDIR: made, CDK_CONTEXT_JSON: JSON.stringify(context) },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    try {
      renameSync(made, original);
    } catch (error) {
      // Another test file may have been quicker.
      if (!existsSync(original)) throw error;
    }
  }
  const folder = mkdtempSync(join(tmpdir(), 'stepcompute-assembly-'));
  cpSync(original, folder, { recursive: true });
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Leaves CDK's own validation of templates out of a synthesis: the stack's test has it, and it takes half of the time. */
export const unvalidated = { CDK_VALIDATION: 'false' };
