/**
 * `node open.mjs main|worker <file>…`: opens each file and prints, as one JSON array, what its
 * default export returns, or the error's name, message and the first place in its stack.
 */
import { Worker, isMainThread, workerData } from 'node:worker_threads';
import { openSimulationFile } from '@stepcompute/simulation-file';

const [where, ...files] = isMainThread ? process.argv.slice(2) : workerData;
if (isMainThread && where === 'worker') {
  new Worker(new URL(import.meta.url), { workerData: [where, ...files] });
} else {
  const outcomes = [];
  for (const file of files) outcomes.push(await outcomeOf(file));
  process.stdout.write(JSON.stringify(outcomes));
}

async function outcomeOf(file) {
  try {
    const { module, fingerprint } = await openSimulationFile(file);
    const exported = module.default?.default ?? module.default;
    return { answer: await exported(), fingerprint };
  } catch ({ name, message, stack }) {
    const [, place] = /([\w-]+\.\w+:\d+):\d+\)?$/m.exec(stack) ?? [];
    return { name, message, place };
  }
}
