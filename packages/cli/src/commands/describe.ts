import { messageOf, RunParameters, type JsonObject } from '@stepcompute/core';
import type { ParsedSimulation } from '@stepcompute/core/adapters';
import { argument, declareCommand } from '../command.js';
import { jsonOption, verboseOption } from '../options.js';
import { openSimulation } from '../simulations.js';
import { formatTable } from '../table.js';

export const describeCommand = declareCommand({
  name: 'describe',
  description: 'tell a simulation’s name, its parameters with their defaults, and its measures',
  arguments: {
    file: argument('<file>', 'the simulation: JavaScript or TypeScript', (text) => text),
  },
  options: {
    json: jsonOption('print a JSON object'),
    verbose: verboseOption,
  },
  help: `
Example:
  $ stepcompute describe ./pricing.ts`,
  async action({ file }, { terminal, interruption }) {
    const { simulation, name } = await openSimulation(file, interruption);
    const { defaults, remark } = await interruption.race(
      parametersOf(simulation),
      'the simulation’s schema never answers',
    );
    const { measures, fingerprint } = simulation;
    if (terminal.wantsJson) {
      const parameters = defaults ?? null;
      const { bundle = null, files = null, bundler = null } = fingerprint;
      const described = {
        name,
        parameters,
        remark,
        measures,
        fingerprint: { bundle, files, bundler },
      };
      terminal.print(JSON.stringify(described));
      return;
    }
    const rows = Object.entries(defaults ?? {}).map(([parameter, value]) => [
      parameter,
      JSON.stringify(value),
    ]);
    terminal.print(
      formatTable(
        [
          ['name', name],
          ...rows.map(([parameter, value]) => [`parameter ${parameter}`, value ?? '']),
          ...(remark === null ? [] : [['parameters', remark]]),
          ['measures', measures.join(', ')],
        ],
        terminal.screen,
      ),
    );
  },
});

/** The parameters when none are given. */
async function parametersOf(
  simulation: ParsedSimulation,
): Promise<{ readonly defaults: JsonObject | undefined; readonly remark: string | null }> {
  if (simulation.parameters === undefined) {
    return { defaults: RunParameters.none, remark: 'any: the simulation declares none' };
  }
  try {
    const defaults = await simulation.parametersOf({});
    const hasNone = Object.keys(defaults).length === 0;
    return { defaults, remark: hasNone ? 'none' : null };
  } catch (error) {
    return {
      defaults: undefined,
      remark: `by a schema, and not all have defaults: ${messageOf(error)}`,
    };
  }
}
