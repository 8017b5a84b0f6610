import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { InvalidInputError, messageOf, type Fingerprint } from '@stepcompute/core';
import { parseSimulation, type ParsedSimulation } from '@stepcompute/core/adapters';

/** A simulation's module as a loader gives it. */
interface OpenedModule {
  readonly module: unknown;
  /** Undefined where nothing is known of the code. */
  readonly fingerprint: Fingerprint | undefined;
}

/** A module that loads simulations: `@stepcompute/simulation-file` is one. */
interface Loader {
  readonly openSimulationFile: (file: string) => Promise<OpenedModule>;
}

/** Where the simulation is. */
export interface SimulationModule {
  /** Its module's full path. */
  readonly module: string;
  readonly exportName: string;
  /** The {@link Loader}'s full path. Default: Node loads the module, and nothing is known of its code. */
  readonly loader: string | undefined;
}

/**
 * Loads a simulation.
 * @throws InvalidInputError when there is no such file, it can't be loaded, or exports no simulation
 */
export async function openModule(place: SimulationModule): Promise<ParsedSimulation> {
  const { module: file, exportName, loader } = place;
  const opened = loader === undefined ? await importFile(file) : await openBy(loader, file);
  try {
    const { module, fingerprint } = opened;
    return parseSimulation(exportOf(module, exportName), fingerprint);
  } catch (cause) {
    const reason = `a module whose ${exportName} export is a simulation (${messageOf(cause)})`;
    throw new InvalidInputError('generator', reason, file, { cause });
  }
}

async function openBy(loader: string, file: string): Promise<OpenedModule> {
  const { openSimulationFile } = (await import(pathToFileURL(loader).href)) as Loader;
  return openSimulationFile(file);
}

async function importFile(file: string): Promise<OpenedModule> {
  if (!existsSync(file)) throw new InvalidInputError('generator', 'a file that exists', file);
  try {
    return { module: await import(pathToFileURL(file).href), fingerprint: undefined };
  } catch (cause) {
    throw new InvalidInputError('generator', `a module that loads (${messageOf(cause)})`, file, {
      cause,
    });
  }
}

function exportOf(module: unknown, name: string): unknown {
  if (name === 'default') return module;
  return typeof module === 'object' && module !== null && name in module
    ? (module as Record<string, unknown>)[name]
    : undefined;
}
