import type { AskedAnalysis } from '../analysis.js';
import { refuseOtherMeasures } from '../checks.js';
import { declareCommand, withDefault, without, type ValuesOf } from '../command.js';
import { openDatabase } from '../databases.js';
import { openEngine } from '../engine.js';
import { refuseOtherMeasure } from '../histogram.js';
import {
  analysisOptions,
  databaseOption,
  delayOption,
  executionOptions,
  generatorOption,
  histogramOption,
  labelOption,
  onOption,
  parameterOptions,
  precisionOptions,
  repetitionsOf,
  repetitionsOption,
  reportOption,
  seedOption,
  settled,
  toleranceOption,
  verboseOption,
  type Parameter,
} from '../options.js';
import { openDeployed, type DeployedPlace } from '../deployments.js';
import { RunWatch } from '../run-watch.js';
import { givenParameters } from '../given-parameters.js';
import { builtIn, openSimulation } from '../simulations.js';
import type { Context } from '../context.js';

export const runCommand = declareCommand({
  name: 'run',
  description: 'run a simulation and average its values',
  arguments: {},
  options: {
    repetitions: without(
      withDefault(
        repetitionsOption('-n, --repetitions <count>', 'how many iterations, 1 to 1,000,000,000'),
        1000,
      ),
      'untilPrecision',
    ),
    ...precisionOptions,
    seed: seedOption,
    generator: generatorOption(
      'a file of JavaScript or TypeScript whose default export is the simulation; without one, each value is a random integer from 0 to 1000',
    ),
    ...parameterOptions,
    delayMs: withDefault(
      delayOption('wait after each value: a stand-in for a long computation'),
      0,
      '0s',
    ),
    tolerance: withDefault(toleranceOption(), '0'),
    label: labelOption('a word of yours for the record, by which list --label finds the run again'),
    ...executionOptions,
    db: databaseOption(
      'where the run is kept: a folder, postgres://user:password@host:port/database, or memory',
    ),
    on: onOption(
      ['histogram', ...settled],
      'run the simulation of a deployment, aws:STACK: its code, delay and attempts are settled',
    ),
    histogram: histogramOption,
    ...analysisOptions,
    json: reportOption,
    verbose: verboseOption,
  },
  help: `
Examples:
  $ stepcompute run --repetitions 5000 --seed 7
  $ stepcompute run --generator ./my-simulation.js --concurrency 50 --timeout 30s
  $ stepcompute run --generator ./my-long-computation.js --workers auto
  $ stepcompute run --generator ./my-simulation.js --attempts 3 --tolerate 1%
  $ stepcompute run --generator ./my-simulation.js --until-precision 0.5%
  $ stepcompute run --generator ./pricing.ts --param strike=110 --param 'rates=[0.01,0.02]'
  $ stepcompute run --generator ./pricing.ts --histogram delta
  $ stepcompute run --generator ./queue.ts --quantiles 0.5,0.95 --check 'p95(wait) < 10'
  $ stepcompute run --db memory --json
  $ stepcompute run --on aws:Pricing -n 100000 --param strike=110

my-simulation.js:
  export default ({ random }) => random.integer(1, 6) + random.integer(1, 6);

The same with two measures:
  export default {
    measures: ['sum', 'highest'],
    generate({ random }) {
      const [a, b] = [random.integer(1, 6), random.integer(1, 6)];
      return { sum: a + b, highest: Math.max(a, b) };
    },
  };`,
  async action({ generator: file, db, on, histogram, ...options }, context) {
    if (on !== undefined) return runDeployed(on, options, context);
    const { terminal, interruption } = context;
    // The simulation first: a file, or a parameter, that is refused leaves no database behind.
    const found = file === undefined ? builtIn : await openSimulation(file, interruption);
    const { measures } = found.simulation;
    refuseOtherMeasure(measures, histogram);
    refuseOtherMeasures(options.checks, measures);
    const asked = repetitionsOf(options, measures);
    const { parameters: given, parametersFile } = options;
    const parameters = await interruption.race(
      found.simulation.parametersOf(await givenParameters(found.simulation, given, parametersFile)),
      'the check of the parameters never ends',
    );
    // They are checked, and no schema is to see what it has made of them.
    const simulation = found.simulation.with({ parameters: undefined });
    const { stores, close } = await interruption.race(
      openDatabase(db, (message) => terminal.note(message)),
      'the database never opens',
    );
    const engine = openEngine({ ...found, simulation }, stores, options);
    try {
      const { seed, delayMs, tolerance, label } = options;
      const { name: generatorName } = found;
      const request = { ...asked, seed, delayMs, parameters, tolerance, label, generatorName };
      const watch = new RunWatch(stores, db, context, { ...options, histogram });
      await watch.toTheEnd(engine.orchestrator.run(request, watch.runOptions));
    } finally {
      await engine.close();
      interruption.hasSimulation = false;
      await close();
    }
  },
});

/** Parameters are JSON where they can be: the deployed simulation's own checks are on AWS. */
async function runDeployed(
  on: DeployedPlace,
  asked: RunRequestOptions,
  context: Context,
): Promise<void> {
  const { seed, tolerance, label, parameters: given, parametersFile } = asked;
  const repetitions = repetitionsOf(asked);
  const parameters = await givenParameters({ parameters: undefined }, given, parametersFile);
  const { stores, orchestrator, close } = await context.interruption.race(
    openDeployed(on),
    'the deployment never answers',
  );
  try {
    const watch = new RunWatch(stores, on.text, context, asked);
    const request = { ...repetitions, seed, parameters, tolerance, label };
    await watch.toTheEnd(orchestrator.run(request, watch.runOptions));
  } finally {
    await close();
  }
}

interface RunRequestOptions extends ValuesOf<typeof precisionOptions>, AskedAnalysis {
  readonly repetitions: number;
  readonly seed: number | undefined;
  readonly tolerance: string;
  readonly label: string | undefined;
  readonly parameters: readonly Parameter[];
  readonly parametersFile: string | undefined;
}
