import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const program = join(__dirname, '../deploy.mjs');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stepcompute-deploy-'));
  // Prints what it is given, a line for each argument, and fails as a deployment may.
  writeFileSync(join(folder, 'cdk'), '#!/bin/sh\nprintf "%s\\n" "$@"\nexit "${STATUS:-0}"\n');
  chmodSync(join(folder, 'cdk'), 0o755);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function deploy(given: readonly string[], status = 0): string[] {
  const env = {
    ...process.env,
    PATH: [folder, process.env.PATH].join(delimiter),
    STATUS: String(status),
  };
  const output = execFileSync(process.execPath, [program, ...given], { env, encoding: 'utf8' });
  return output.trimEnd().split('\n');
}

describe('npm run deploy', () => {
  it('hands all that it is given to CDK, as it is', () => {
    expect(deploy([])).toEqual(['deploy']);
    const given = ['-c', 'mode=distributed', '--help', 'a b', '--context', 'stackName=--breaking'];
    expect(deploy(given)).toEqual(['deploy', ...given]);
  });

  it('makes context of --breaking-schema', () => {
    expect(deploy(['-c', 'mode=inline', '--breaking-schema', '--require-approval'])).toEqual([
      ...['deploy', '-c', 'mode=inline'],
      ...['--context', 'breakingSchema=true', '--require-approval'],
    ]);
  });

  it('fails when CDK does', () => {
    expect(() => deploy([], 3)).toThrow(expect.objectContaining({ status: 3 }) as Error);
  });
});
