import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { warnOfUntested } from '../src/peers.js';
import { openPglite } from '../src/pglite.js';
import { typeOrmStores } from '../src/typeorm-stores.js';

const manifest = readFileSync(join(__dirname, '../package.json'), 'utf8');
const { peerDependencies } = JSON.parse(manifest) as {
  readonly peerDependencies: Readonly<Record<string, string>>;
};

let warnings: string[];
beforeEach(() => {
  warnings = [];
  jest.spyOn(process, 'emitWarning').mockImplementation((warning) => {
    warnings.push(String(warning));
  });
});
afterEach(() => jest.restoreAllMocks());

it.each([
  ['typeorm', '0.3.20'],
  ['typeorm', '1.1.1'],
  ['inversify', '7.11.0'],
  ['inversify', '8.2.3'],
  ['pg', '8.16.0'],
  ['pg', '8.23.1'],
  ['@stepcompute/embedded-postgres', '0.1.0'],
])('%s %s is in range', (peer, version) => {
  warnOfUntested(peer, version);
  expect(warnings).toEqual([]);
});

it.each([
  ['typeorm', '0.3.17'],
  ['inversify', '6.2.2'],
  ['pg', '8.15.6'],
])('%s %s is warned of, once, in one line', (peer, version) => {
  warnOfUntested(peer, version);
  warnOfUntested(peer, version);
  expect(warnings).toEqual([
    `${peer} ${version} is installed, and @stepcompute/sql-store was tested with ${peerDependencies[peer]}`,
  ]);
});

it('has nothing to say of what is installed', async () => {
  const dataSource = await openPglite();
  typeOrmStores(dataSource);
  await dataSource.destroy();
  expect(warnings).toEqual([]);
});
