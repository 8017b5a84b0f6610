import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { facts } from '../src/facts.js';

const documented = readFileSync(join(__dirname, '../../../docs/aws-facts.md'), 'utf8');

it.each(
  Object.values(facts).flatMap((service) =>
    Object.entries(service).filter(([, value]) => !Array.isArray(value)),
  ) as [string, number | string][],
)('%s is in the document by which an account is checked', (_, value) => {
  const shown = typeof value === 'number' ? value.toLocaleString('en-US') : `\`${value}\``;
  const cells = documented.split('\n').flatMap((line) => line.split('|'));
  expect(cells.filter((cell) => cell.split(/ (?:to )?/).includes(shown))).not.toEqual([]);
});
