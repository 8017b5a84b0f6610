/** Simulations for the tests, each by its name. */
import { writeFileSync } from 'node:fs';
import { BroadcastChannel, threadId } from 'node:worker_threads';

export default function draw({ random }) {
  return random.integer(0, 1000);
}

/** The same values, each after a turn of the event loop. */
export async function waiting({ random }) {
  await new Promise((resolve) => setImmediate(resolve));
  return random.integer(0, 1000);
}

let channel;
let opened;

/** Says in a channel that it has been begun, and in which thread; goes on when anybody answers there, or at once. */
export async function meeting({ parameters, iterationId, random }) {
  channel ??= new BroadcastChannel(parameters.channel);
  channel.unref();
  opened ??= new Promise(
    (resolve) => (channel.onmessage = ({ data }) => data === 'go' && resolve()),
  );
  channel.postMessage({ iterationId, threadId });
  if (iterationId < parameters.waiting) await opened;
  return random.integer(0, 1000);
}

/** Ends its thread at iteration 37, the first time that it comes there, of which it leaves a mark beside this file. */
export function exitOnce({ iterationId, random }) {
  if (iterationId === 37 && isFirstTime()) process.exit(9);
  return random.integer(0, 1000);
}

/** Each of these fails in its own way; all others are drawn. */
export function ofAllSorts({ iterationId, random }) {
  switch (iterationId) {
    case 3:
      process.exit(9);
      break;
    case 5:
      throw new RangeError('out of range', { cause: new Error('no such index') });
    case 7:
      return 'seven';
    case 11:
      return new Promise(() => {
        setTimeout(() => {
          throw new TypeError('outside');
        });
      });
    case 13:
      throw Object.defineProperty(new Error('hostile'), 'stack', {
        get() {
          throw new Error('not to be looked at');
        },
      });
    default:
      return random.integer(0, 1000);
  }
}

/** Blocks its thread at iteration 5, and never settles at 7. */
export function tooLong({ iterationId, random, signal }) {
  if (iterationId === 5) for (;;);
  if (iterationId === 7) {
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('came too late')));
    });
  }
  return random.integer(0, 1000);
}

/** Would leave something in its parameters that changes the iterations after it. */
export function meddling({ parameters }) {
  parameters.path.push(1);
  return parameters.path.length;
}

const seen = new Set();

/** How many objects of parameters its thread has seen by then. */
export function countingParameters({ parameters }) {
  return seen.add(parameters).size;
}

export function endlessForSeedZero({ seed, random }) {
  while (seed === 0);
  return random.integer(0, 1000);
}

function isFirstTime() {
  try {
    writeFileSync(new URL('been-here', import.meta.url), '', { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}
