import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { CodeFingerprint } from '../src/open-simulation-file.js';

export type Files = Record<string, string | Uint8Array>;

export interface Outcome {
  readonly answer?: unknown;
  readonly fingerprint?: CodeFingerprint;
  readonly name?: string;
  readonly message?: string;
  readonly place?: string;
}

/** A temporary folder outside the repository, so that no package.json and no tsconfig.json counts. */
export class Folder {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), 'stepcompute-simulation-file-')));

  write(files: Files): this {
    for (const [name, content] of Object.entries(files)) {
      const path = join(this.path, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
    }
    return this;
  }

  file(name: string): string {
    return join(this.path, name);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Opens files in a process of their own: Jest has a module loader of its own. */
export function open(
  files: readonly string[],
  { where = 'main', cwd = __dirname, env = {}, program = join(__dirname, 'open.mjs') } = {},
): Outcome[] {
  const { stdout, stderr } = spawnSync(process.execPath, [program, where, ...files], {
    cwd,
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as Outcome[];
}

/** An add-on that npm installed with this repository. */
export function installedAddOn(): string {
  const modules = join(__dirname, '../../../node_modules');
  const scope = join(modules, '@napi-rs');
  for (const name of readdirSync(scope)) {
    const addOn = readdirSync(join(scope, name)).find((file) => file.endsWith('.node'));
    if (addOn !== undefined) return join(scope, name, addOn);
  }
  throw new Error(`No add-on in ${scope}`);
}
