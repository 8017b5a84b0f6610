import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export interface TestAssembly {
  readonly folder: string;
  readonly remove: () => void;
}

/** What a CDK app, ours unless told otherwise, synthesizes with this context, in a folder of its own. */
export function synthesize(
  context: Readonly<Record<string, string>> = {},
  app = resolve(__dirname, '../packages/infra/dist/app.js'),
): TestAssembly {
  const folder = mkdtempSync(join(tmpdir(), 'stepcompute-assembly-'));
  execFileSync(process.execPath, [app], {
    cwd: resolve(__dirname, '..'),
    env: { ...process.env, CDK_OUTDIR: folder, CDK_CONTEXT_JSON: JSON.stringify(context) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
