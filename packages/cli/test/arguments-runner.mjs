/** Runs command lines, one after the other, in one process: a JSON array of them in, an array of outcomes out. */
import { readFileSync } from 'node:fs';
import { Interruption } from '../dist/interruption.js';
import { execute } from '../dist/main.js';

const outcomes = [];
const write = process.stdout.write.bind(process.stdout);
for (const args of JSON.parse(readFileSync(0, 'utf8'))) {
  let output = '';
  const collect = (text, ...others) => {
    output += text;
    others.at(-1)?.();
    return true;
  };
  process.stdout.write = collect;
  process.stderr.write = collect;
  const code = await execute(['node', 'stepcompute', ...args], new Interruption());
  outcomes.push({ args, code, output });
}
write(JSON.stringify(outcomes), () => process.exit(0));
