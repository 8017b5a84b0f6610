import { declareCommand, withDefault } from '../command.js';
import { openDatabase } from '../databases.js';
import { openEngine } from '../engine.js';
import { builtInGenerator, loadGenerator } from '../generators.js';
import {
  databaseOption,
  delayOption,
  executionOptions,
  generatorOption,
  repetitionsOption,
  reportOption,
  seedOption,
  toleranceOption,
  verboseOption,
} from '../options.js';
import { RunWatch } from '../run-watch.js';

export const runCommand = declareCommand({
  name: 'run',
  description: 'run a simulation and average its values',
  arguments: {},
  options: {
    repetitions: withDefault(
      repetitionsOption('-n, --repetitions <count>', 'how many iterations, 1 to 1,000,000,000'),
      1000,
    ),
    seed: seedOption,
    generator: generatorOption(
      'a .js or .mjs file whose default export is the simulation; without one, each value is a random integer from 0 to 1000',
    ),
    delayMs: withDefault(
      delayOption('wait after each value: a stand-in for a long computation'),
      0,
      '0s',
    ),
    tolerance: withDefault(toleranceOption(), '0'),
    ...executionOptions,
    db: databaseOption(
      'where the run is kept: a folder, postgres://user:password@host:port/database, or memory',
    ),
    json: reportOption,
    verbose: verboseOption,
  },
  help: `
Examples:
  $ stepcompute run --repetitions 5000 --seed 7
  $ stepcompute run --generator ./my-simulation.js --concurrency 50 --timeout 30s
  $ stepcompute run --generator ./my-long-computation.js --workers auto
  $ stepcompute run --generator ./my-simulation.js --attempts 3 --tolerate 1%
  $ stepcompute run --db memory --json

my-simulation.js:
  export default ({ random }) => random.integer(1, 6) + random.integer(1, 6);`,
  async action({ generator: file, db, ...options }, context) {
    const { terminal, interruption } = context;
    // The generator first: a file that is refused leaves no database behind.
    const generator =
      file === undefined
        ? builtInGenerator
        : await interruption.race(
            loadGenerator(file),
            'the generator’s module never finishes loading',
          );
    const { stores, close } = await interruption.race(
      openDatabase(db, (message) => terminal.note(message)),
      'the database never opens',
    );
    const engine = openEngine(generator, stores, options);
    try {
      const { repetitions, seed, delayMs, tolerance } = options;
      const request = { repetitions, seed, delayMs, tolerance, generatorName: generator.name };
      const watch = new RunWatch(stores, db, context);
      await watch.toTheEnd(engine.orchestrator.run(request, watch.runOptions));
    } finally {
      await engine.close();
      await close();
    }
  },
});
