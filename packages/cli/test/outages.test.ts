import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase, describeOnPostgres } from '../../../testing/postgres/databases.js';
import { Relay } from '../../../testing/postgres/relay.js';
import { stepcompute } from './support.js';

describeOnPostgres('a run whose database is out of reach for a while', () => {
  it('says so, once for all that waits, and goes on when it is back', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'stepcompute-outage-'));
    const database = await createDatabase();
    const { relay, url } = await Relay.before(database);
    try {
      writeFileSync(
        join(folder, 'slow.mjs'),
        'export default ({ random }) => new Promise((done) => setTimeout(done, 20, random.uniform()));',
      );
      const { code, stdout, stderr } = await stepcompute(
        folder,
        [
          ...['run', '-n', '200', '--seed', '42', '--concurrency', '10'],
          ...['--generator', './slow.mjs', '--db', url],
        ],
        {
          onStderr: (text) => {
            if (text.includes('trying again')) relay.mend();
            else if (text.includes('Run 1:')) relay.cut();
          },
        },
      );
      expect(stderr).toMatch(/^.*database.*; trying again, for \d+s at most$/m);
      expect(stderr.match(/trying again/g)).toHaveLength(1);
      expect(code).toBe(0);
      expect(stdout).toContain('200');
    } finally {
      relay.close();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
