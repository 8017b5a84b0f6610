/** A program that loads a bundled simulation, and tells its parent if it is one: `node load-simulation.js <file>`. */
import { pathToFileURL } from 'node:url';

interface Exports {
  readonly default?: unknown;
}

/** A default export is one level further down in what was compiled from ESM to CommonJS. */
function isSimulation({ default: exported }: Exports): boolean {
  if (typeof exported === 'function') return true;
  if (typeof exported !== 'object' || exported === null) return false;
  if ('generate' in exported) return typeof exported.generate === 'function';
  return 'default' in exported && isSimulation(exported);
}

async function load(file: string): Promise<void> {
  const { deployed } = (await import(pathToFileURL(file).href)) as {
    readonly deployed: { readonly exported: Exports };
  };
  tell(isSimulation(deployed.exported) ? 'simulation' : 'none');
}

// The process ends with it, though the module may have left something running.
function tell(answer: unknown): void {
  process.send?.(answer, () => process.exit());
}

load(process.argv[2] ?? '').catch((error: unknown) => {
  tell({ error: String(error) });
});
