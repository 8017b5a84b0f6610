import { basename, isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  InvalidInputError,
  messageOf,
  uniformInteger,
  uniformIntegerVersion,
  type Fingerprint,
  type Run,
} from '@stepcompute/core';
import { parseSimulation, type ParsedSimulation } from '@stepcompute/core/adapters';
import type { Interruption } from './interruption.js';

/** A simulation, and where its code is. */
export interface SimulationFile {
  readonly simulation: ParsedSimulation;
  /** As the run's record has it: the simulation's own name, or its file's. */
  readonly name: string;
  /** Where a worker thread finds it. */
  readonly module: string;
  readonly exportName: string;
}

/** The simulation of a run that names no other. */
export const builtIn: SimulationFile = {
  simulation: parseSimulation(uniformInteger, { version: uniformIntegerVersion }),
  name: uniformInteger.name,
  module: fileURLToPath(import.meta.resolve('@stepcompute/core')),
  exportName: uniformInteger.name,
};

/**
 * The simulation that a run's record names.
 * @throws InvalidInputError when it names none that can be loaded, as for a run that a program made
 */
export async function recordedSimulation(
  { generatorName: name, simulation }: Pick<Run, 'generatorName' | 'simulation'>,
  interruption: Interruption,
): Promise<SimulationFile> {
  // The one that was accepted last is the one to go on with.
  const file = simulation.findLast((accepted) => accepted.file !== undefined)?.file;
  if (file !== undefined) return openSimulation(file, interruption);
  if (name === builtIn.name) return builtIn;
  // So runs were recorded before they had fingerprints.
  if (isAbsolute(name)) return openSimulation(name, interruption);
  throw new InvalidInputError(
    'the run’s simulation',
    'a file or the built-in one, to be found from here: name its file with --generator, or go on with ' +
      'the program that began the run',
    name,
  );
}

/**
 * The simulation in a module, JavaScript or TypeScript, ESM or CommonJS.
 * @throws InvalidInputError when there is no such file, it can't be loaded, or exports no simulation
 */
export async function openSimulation(
  file: string,
  interruption: Interruption,
): Promise<SimulationFile> {
  interruption.hasSimulation = true;
  return interruption.race(load(resolve(file)), 'the generator’s module never finishes loading');
}

async function load(path: string): Promise<SimulationFile> {
  const { openSimulationFile, commitOf } = await import('@stepcompute/simulation-file');
  const [{ module, fingerprint }, commit] = await Promise.all([
    openSimulationFile(path),
    commitOf(path),
  ]);
  const known: Fingerprint = { ...fingerprint, ...commit, file: path };
  const simulation = parsed(module, known, path);
  return {
    simulation,
    name: simulation.name ?? basename(path),
    module: path,
    exportName: 'default',
  };
}

function parsed(module: unknown, fingerprint: Fingerprint, path: string): ParsedSimulation {
  try {
    return parseSimulation(module, fingerprint);
  } catch (cause) {
    const { field, expected } = cause as InvalidInputError;
    const isNone = field === 'generator';
    const reason = isNone ? `is ${expected}` : `is a simulation (${messageOf(cause)})`;
    throw new InvalidInputError('generator', `a module whose default export ${reason}`, path, {
      cause,
    });
  }
}
