import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mostAveraged } from '../src/most-averaged.js';

const common = { secretArn: 'arn:aws:secretsmanager:us-east-1:1:secret:s', database: 'sims' };
const cluster = { ...common, resourceArn: 'arn:aws:rds:us-east-1:1:cluster:c' };
const server = { ...common, host: 'db.internal', port: 5432 };

it.each([
  [1, 102_400_000, 225_000_000],
  [3, 48_100_000, 75_000_000],
  [64, 2_750_000, 3_515_625],
])('iterations of %d measures: %d by the Data API, %d by a connection', (measures, most, more) => {
  expect(mostAveraged(cluster, measures)).toBe(most);
  expect(mostAveraged(server, measures)).toBe(more);
});

it.each([cluster, server])('the README of the constructs has as many: %#', (database) => {
  const text = readFileSync(join(__dirname, '../../infra/README.md'), 'utf8');
  expect(text).toContain(mostAveraged(database, 1).toLocaleString('en-US'));
});
