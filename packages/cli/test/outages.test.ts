import { channel } from 'node:diagnostics_channel';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { outageChannel, type Outage } from '@stepcompute/sql-store';
import { createDatabase, describeOnPostgres } from '../../../testing/postgres/databases.js';
import { Relay } from '../../../testing/postgres/relay.js';
import { tellOfOutages } from '../src/outages.js';
import { stepcompute } from './support.js';

it('an outage is told of once in ten seconds, however many statements meet it', () => {
  const now = jest.spyOn(performance, 'now');
  const notes: string[] = [];
  const stop = tellOfOutages({ note: (text) => notes.push(text) });
  const outage: Outage = { error: new Error('no answer'), remainingMs: 20_000 };
  const meet = (atMs: number): void => {
    now.mockReturnValue(atMs);
    for (let statement = 0; statement < 100; statement += 1) channel(outageChannel).publish(outage);
  };
  try {
    for (const atMs of [1000, 10_999, 11_000, 15_000, 21_000]) meet(atMs);
    expect(notes).toEqual(new Array(3).fill('no answer; trying again, for 20s at most'));
    stop();
    meet(40_000);
    expect(notes).toHaveLength(3);
  } finally {
    stop();
    now.mockRestore();
  }
});

describeOnPostgres('a run whose database is out of reach for a while', () => {
  it('says so, and goes on when it is back', async () => {
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
      expect(code).toBe(0);
      expect(stdout).toContain('200');
    } finally {
      relay.close();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
