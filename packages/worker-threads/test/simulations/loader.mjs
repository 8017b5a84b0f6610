import { pathToFileURL } from 'node:url';

/** Loads a simulation as Node does, and calls its code version 2. */
export async function openSimulationFile(file) {
  return { module: await import(pathToFileURL(file).href), fingerprint: { version: '2' } };
}
