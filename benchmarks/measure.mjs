/**
 * Measures one contestant in a process of its own: `node measure.mjs '{"file", "name", "n", "url", "redis", "folder"}'`.
 * Preparation (connections, tables, values drawn beforehand) is not timed.
 */
import { performance } from 'node:perf_hooks';

/**
 * @typedef {{ n: number, url: string, redis: string, folder: string }} Place
 * @typedef {object} Contestant
 * @property {(place: Place) => Promise<any>} prepare
 * @property {(prepared: any, place: Place) => Promise<void>} perform
 * @property {(prepared: any, place: Place) => Promise<boolean>} verify whether each value and the average are there
 * @property {(prepared: any) => Promise<unknown>} close
 */

const { file, name, ...place } = JSON.parse(process.argv[2]);
/** @type {{ contestants: Record<string, Contestant> }} */
const { contestants } = await import(file);
const contestant = contestants[name];
const prepared = await contestant.prepare(place);
const started = performance.now();
await contestant.perform(prepared, place);
const ms = performance.now() - started;
const isVerified = await contestant.verify(prepared, place);
// In kilobytes on Linux and, so says libuv, elsewhere.
const peakMegabytes = Math.round(process.resourceUsage().maxRSS / 1024);
process.stdout.write(JSON.stringify({ ms, peakMegabytes, isVerified }), async () => {
  await contestant.close(prepared).catch(() => undefined);
  process.exit(0);
});
