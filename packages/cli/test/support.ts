import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

const launcher = resolve(__dirname, '../bin/stepcompute.js');

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built command as its user would, in `folder`. */
export function stepcompute(
  folder: string,
  args: readonly string[],
  onStderr: (text: string, kill: (signal: NodeJS.Signals) => void) => void = () => undefined,
): Promise<Outcome> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [launcher, ...args], {
      cwd: folder,
      env: { ...process.env, NODE_OPTIONS: '', STEPCOMPUTE_DB: '.stepcompute' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      onStderr(stderr, (signal) => child.kill(signal));
    });
    child.once('error', fail);
    child.once('close', (code) => done({ code, stdout, stderr }));
  });
}

/** The JSON object on the last line. */
export function lastLine(outcome: Outcome): Record<string, unknown> {
  return JSON.parse(outcome.stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;
}
