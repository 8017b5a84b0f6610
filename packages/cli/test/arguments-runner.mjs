/** Runs command lines, one after the other, in one process: a JSON array of them in, an array of outcomes out. */
import { readFileSync } from 'node:fs';
import { Interruption } from '../dist/interruption.js';
import { execute } from '../dist/program.js';

const outcomes = [];
const write = process.stdout.write.bind(process.stdout);
for (const args of JSON.parse(readFileSync(0, 'utf8'))) {
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    process[name].write = (text, ...others) => {
      written[name] += text;
      others.at(-1)?.();
      return true;
    };
  }
  const code = await execute(['node', 'stepcompute', ...args], new Interruption());
  outcomes.push({ args, code, ...written });
}
write(JSON.stringify(outcomes), () => process.exit(0));
