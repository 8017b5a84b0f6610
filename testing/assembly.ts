import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { sharedFolder } from './shared-folder.js';

export interface TestAssembly {
  readonly folder: string;
  readonly remove: () => void;
}

const root = resolve(__dirname, '..');

/** The context that an app is synthesized with, by name. */
export type SynthesisContext = Readonly<Record<string, string | readonly string[]>>;

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
  context: SynthesisContext,
  {
    validated = false,
    app = join(root, 'packages/infra', productOf(validated)),
  }: SynthesisOptions = {},
): TestAssembly {
  const make = (made: string): void => {
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
  };
  const original = sharedFolder([app, validated, context], make);
  const folder = mkdtempSync(join(tmpdir(), 'stepcompute-assembly-'));
  cpSync(original, folder, { recursive: true });
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The product's own app, which cdk-nag validates where it is asked to be. */
function productOf(validated: boolean): string {
  return validated ? 'checked-app.mjs' : 'dist/app.js';
}

/** The environment of a synthesis in which CDK does not validate the templates. */
export const unvalidated = { CDK_VALIDATION: 'false' };

/** The context of a synthesis that bundles no functions: enough where the template alone is looked at. */
export const unbundled = { 'aws:cdk:bundling-stacks': [] };
