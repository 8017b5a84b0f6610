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

export interface SynthesisOptions {
  /** A CDK app. Default: the product's own. */
  readonly app?: string | undefined;
  /** True when CDK validates the templates, which takes as long as all the rest. Default: false. */
  readonly validated?: boolean;
}

/**
 * The cloud assembly of an app with this context, in a folder of its own. Each is synthesized once for
 * all test files, and copied.
 */
export function synthesize(
  context: Readonly<Record<string, string>>,
  { app = join(root, 'packages/infra/dist/app.js'), validated = false }: SynthesisOptions = {},
): TestAssembly {
  const { STEPCOMPUTE_TEST_FOLDER: shared = '' } = process.env;
  const identity = JSON.stringify([app, validated, context]);
  const original = join(shared, createHash('sha256').update(identity).digest('hex'));
  if (!existsSync(original)) {
    const made = mkdtempSync(join(shared, 'making-'));
    execFileSync(process.execPath, [app], {
      cwd: root,
      env: {
        ...process.env,
        ...(!validated && unvalidated),
        CDK_OUTDIR: made,
        CDK_CONTEXT_JSON: JSON.stringify(context),
      },
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

/** The environment of a synthesis in which CDK does not validate the templates. */
export const unvalidated = { CDK_VALIDATION: 'false' };
