import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { performance } from 'node:perf_hooks';
import { messageOf } from '@stepcompute/core';
import type { Outage, outageChannel } from '@stepcompute/sql-store';
import { formatDuration } from './format.js';
import type { Terminal } from './terminal.js';

/** By its name alone: most commands do without loading the stores. */
const channelName: typeof outageChannel = '@stepcompute/sql-store:outage';

/** Every statement in flight tells of the same outage. At most one line in this many milliseconds. */
const lineIntervalMs = 10_000;

/**
 * Says that a database does not answer, while it is asked again.
 * @returns ends it
 */
export function tellOfOutages({ note }: Pick<Terminal, 'note'>): () => void {
  let nextLineMs = 0;
  const tell = (message: unknown): void => {
    const { error, remainingMs } = message as Outage;
    const now = performance.now();
    if (now < nextLineMs) return;
    nextLineMs = now + lineIntervalMs;
    note(`${messageOf(error)}; trying again, for ${formatDuration(remainingMs)} at most`);
  };
  subscribe(channelName, tell);
  return () => void unsubscribe(channelName, tell);
}
