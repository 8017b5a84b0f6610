import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mostAveraged } from '../src/most-averaged.js';

it.each([
  [1, 102_400_000, 225_000_000],
  [3, 48_100_000, 75_000_000],
  [64, 2_750_000, 3_515_625],
])('iterations of %d measures: %d by the Data API, %d by a connection', (measures, most, more) => {
  expect(mostAveraged('Data API', measures)).toBe(most);
  expect(mostAveraged('connections', measures)).toBe(more);
});

it.each(['Data API', 'connections'] as const)(
  'the README of the constructs has as many: %s',
  (way) => {
    const text = readFileSync(join(__dirname, '../../infra/README.md'), 'utf8');
    expect(text).toContain(mostAveraged(way, 1).toLocaleString('en-US'));
  },
);
