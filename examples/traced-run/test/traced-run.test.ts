import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

it('prints the trace that its README shows', () => {
  const example = join(__dirname, '..');
  const printed = execFileSync(process.execPath, ['dist/main.js'], {
    cwd: example,
    encoding: 'utf8',
  });
  expect(readFileSync(join(example, 'README.md'), 'utf8')).toContain(`\n${printed}\`\`\``);
});
