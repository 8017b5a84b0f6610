import { execFile } from 'node:child_process';
import { realpath } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { promisify } from 'node:util';

/** Where a file's code stands in git. */
export interface CodeCommit {
  /** The commit's full hash. */
  readonly commit: string;
  /** True when the work tree has changes or new files, or git doesn't track the file. */
  readonly isDirty: boolean;
}

const longestWaitMs = 5000;

/**
 * The git commit that a file is from; undefined where there is no git, no repository or no commit,
 * or where git takes longer than five seconds. Never rejects.
 */
export async function commitOf(file: string): Promise<CodeCommit | undefined> {
  const path = await realpath(file).catch(() => resolve(file));
  const folder = dirname(path);
  const [status, tracked] = await Promise.all([
    git(folder, 'status', '--porcelain=v2', '--branch'),
    git(folder, 'ls-files', '--', `:(literal)${basename(path)}`),
  ]);
  const [, commit] = /^# branch\.oid ([\da-f]{40,64})$/m.exec(status ?? '') ?? [];
  if (status === undefined || tracked === undefined || commit === undefined) return undefined;
  return { commit, isDirty: tracked === '' || /^[^#]/m.test(status) };
}

/** The command's output; undefined when it fails. */
async function git(folder: string, ...args: string[]): Promise<string | undefined> {
  // Without those of a git hook that this process may run in, which name another repository.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_')),
  );
  // Git neither writes its index nor runs a program that the repository names.
  const safe = ['--no-optional-locks', '-c', 'core.fsmonitor=false'];
  const options = { env, timeout: longestWaitMs, maxBuffer: 64 * 1024 * 1024, windowsHide: true };
  try {
    const { stdout } = await promisify(execFile)('git', [...safe, '-C', folder, ...args], options);
    return stdout;
  } catch {
    return undefined;
  }
}
