import { basename, extname } from 'node:path';
import {
  Experiment,
  isStepComputeError,
  RunParameters,
  type ExperimentRequest,
  type Orchestrator,
  type Progress,
  type Run,
  type Stores,
} from '@stepcompute/core';
import type { ParsedSimulation } from '@stepcompute/core/adapters';
import { refuseOtherMeasures } from '../checks.js';
import {
  argument,
  declareCommand,
  flag,
  leftOut,
  list,
  option,
  withDefault,
  without,
} from '../command.js';
import type { Context } from '../context.js';
import { openDatabase } from '../databases.js';
import { openDeployed } from '../deployments.js';
import { scenariosOf } from '../designs/design.js';
import { designOf } from '../designs/design-file.js';
import { parseVariation, type Variation } from '../designs/grid.js';
import { openEngine } from '../engine.js';
import { UsageError } from '../errors.js';
import {
  refuseOtherControl,
  scenarioRuns,
  tellOfExperiment,
  type AskedOfExperiment,
} from '../experiments.js';
import { formatCount } from '../format.js';
import { givenParameters } from '../given-parameters.js';
import {
  analysisOptions,
  controlOption,
  databaseOption,
  delayOption,
  executionOptions,
  generatorOption,
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
} from '../options.js';
import { openProgress } from '../progress-display.js';
import { builtIn, openSimulation } from '../simulations.js';

/** So many scenarios are worked on at a time where the engine is elsewhere. */
const atOnceElsewhere = 10;

export const experimentCommand = declareCommand({
  name: 'experiment',
  description: 'run each scenario of a design, and compare them',
  arguments: {
    design: leftOut(
      argument(
        '<design>',
        'a file .csv, .json or .yaml: a row for each scenario, with its name and its parameters',
        (text) => text,
      ),
    ),
  },
  options: {
    variations: list<Variation>(
      '--vary <name=values>',
      'in place of a file, the values of a parameter, for a grid of all: strike=90,100 or strike=90:110:5',
      parseVariation,
    ),
    name: option(
      '--name <text>',
      'the name under which its runs are found again; without it, that of the design’s file',
      (text) => text,
    ),
    key: option(
      '--key <text>',
      'tells it from another experiment of the same name, which is gone on with otherwise',
      (text) => text,
    ),
    independent: flag(
      '--independent',
      'give each scenario random numbers of its own; without it, all draw the same, and differences are more precise',
    ),
    control: controlOption,
    repetitions: without(
      withDefault(
        repetitionsOption('-n, --repetitions <count>', 'how many iterations of each scenario'),
        1000,
      ),
      'untilPrecision',
    ),
    ...precisionOptions,
    seed: seedOption,
    generator: generatorOption(
      'a file of JavaScript or TypeScript whose default export is the simulation',
    ),
    ...parameterOptions,
    delayMs: withDefault(
      delayOption('wait after each value: a stand-in for a long computation'),
      0,
      '0s',
    ),
    tolerance: withDefault(toleranceOption(), '0'),
    label: labelOption(
      'a word of yours for the record, by which list --label finds the runs again',
    ),
    ...executionOptions,
    db: databaseOption(
      'where the runs are kept: a folder, postgres://user:password@host:port/database, or memory',
    ),
    on: onOption(
      settled,
      'run the simulation of a deployment, aws:STACK: its code, delay and attempts are settled',
    ),
    ...analysisOptions,
    json: reportOption,
    verbose: verboseOption,
  },
  help: `
The same command goes on with an experiment that was interrupted, and does nothing of one that is
complete. With more repetitions its runs are extended; scenarios may be added. Any other change of the
design is refused.

Examples:
  $ stepcompute experiment strikes.csv -n 10000 --seed 42 --generator ./pricing.ts
  $ stepcompute experiment strikes.csv --generator ./pricing.ts --control 'strike 100'
  $ stepcompute experiment --name grid --vary strike=90:110:5 --vary volatility=0.1,0.2 --generator ./pricing.ts
  $ stepcompute show --experiment strikes

strikes.csv:
  name,strike
  low,90
  middle,100
  high,110`,
  async action({ design: file, variations, generator, db, on, ...given }, context) {
    const { terminal, interruption } = context;
    const name = given.name ?? (file === undefined ? undefined : basename(file, extname(file)));
    if (name === undefined) throw new UsageError('an experiment of --vary needs a --name');
    const design = await designOf(file, variations);
    const names = design.map((row) => row.name);
    refuseOtherControl(given.control, names);
    // The simulation before the database: one that is refused leaves none behind.
    const found =
      on !== undefined
        ? undefined
        : generator === undefined
          ? builtIn
          : await openSimulation(generator, interruption);
    const simulation = found?.simulation ?? deployedSimulation;
    if (found !== undefined) refuseOtherMeasures(given.checks, found.simulation.measures);
    const repetitions = repetitionsOf(given, found?.simulation.measures);
    const { parameters: common, parametersFile } = given;
    const scenarios = await interruption.race(
      givenParameters(simulation, common, parametersFile).then((parameters) =>
        scenariosOf(design, simulation, parameters),
      ),
      'the check of the parameters never ends',
    );
    const { key, independent, seed, tolerance, label, delayMs } = given;
    const asked = { ...repetitions, name, key, independent, scenarios, seed, tolerance, label };
    if (on !== undefined) {
      const { stores, orchestrator, close } = await interruption.race(
        openDeployed(on),
        'the deployment never answers',
      );
      const work = { stores, orchestrator, concurrency: atOnceElsewhere };
      await experimentOn(work, asked, given, context).finally(close);
      return;
    }
    const { stores, close } = await interruption.race(
      openDatabase(db, (message) => terminal.note(message)),
      'the database never opens',
    );
    const engine = openEngine(found!, stores, given);
    try {
      const request = { ...asked, delayMs, generatorName: found!.name };
      await experimentOn({ stores, orchestrator: engine.orchestrator }, request, given, context);
    } finally {
      await engine.close();
      interruption.hasSimulation = false;
      await close();
    }
  },
});

/** Parameters are JSON where they can be: the deployed simulation's own checks are on AWS. */
const deployedSimulation: Pick<ParsedSimulation, 'parameters' | 'parametersOf'> = {
  parameters: undefined,
  parametersOf: (given) => Promise.resolve(RunParameters.parse(given)),
};

interface Work {
  readonly stores: Stores;
  readonly orchestrator: Orchestrator;
  readonly concurrency?: number;
}

async function experimentOn(
  { stores, ...engine }: Work,
  request: ExperimentRequest,
  asked: AskedOfExperiment,
  context: Context,
): Promise<void> {
  const { terminal, interruption } = context;
  const { name, scenarios } = request;
  const display = openProgress(terminal);
  const account = new Account(scenarios.length, request.repetitions, context);
  terminal.note(
    `Experiment ${name}: ${formatCount(scenarios.length)} scenarios, ` +
      `${formatCount(request.repetitions)} repetitions each`,
  );
  let failed: Error | undefined;
  try {
    const running = new Experiment({ ...engine, stores }).run(request, {
      signal: interruption.signal,
      onProgress: (progress, scenario) => {
        display.update(account.add(progress, scenario));
        interruption.lastWords([
          `Experiment ${name}: ${account.completed} of ${scenarios.length} scenarios are completed`,
          'Take it up again with the same command',
        ]);
      },
    });
    await interruption.wait(running, 'the generator never settles');
  } catch (error) {
    if (!isStepComputeError(error) || error.code !== 'SCENARIOS_FAILED') throw error;
    failed = error;
  } finally {
    display.stop();
  }
  const key = request.key ?? name;
  const runs = await stores.runs.list({ experiment: name });
  const byScenario = new Map(
    runs.filter(({ experimentKey }) => experimentKey === key).map((run) => [run.scenario, run]),
  );
  const own = scenarios.map((scenario) => byScenario.get(scenario.name)).filter(isRun);
  await tellOfExperiment(name, await scenarioRuns(stores, own), asked, stores, context, failed);
}

function isRun(run: Run | undefined): run is Run {
  return run !== undefined;
}

/** The progress of all scenarios together. */
class Account {
  readonly #latest = new Map<string, Progress>();
  /** How many values each scenario had before. */
  readonly #before = new Map<string, number>();

  constructor(
    private readonly scenarios: number,
    private readonly repetitions: number,
    private readonly context: Pick<Context, 'elapsedMs'>,
  ) {}

  /** How many scenarios have all of their values. */
  get completed(): number {
    const all = [...this.#latest.values()];
    return all.filter(({ completed, failed, total }) => completed + failed === total).length;
  }

  add(progress: Progress, scenario: string): Progress {
    if (!this.#before.has(scenario)) this.#before.set(scenario, progress.completed);
    this.#latest.set(scenario, progress);
    const all = [...this.#latest.values()];
    const sum = (of: (progress: Progress) => number): number =>
      all.reduce((total, each) => total + of(each), 0);
    const completed = sum((each) => each.completed);
    const failed = sum((each) => each.failed);
    const stored = completed - [...this.#before.values()].reduce((a, b) => a + b, 0);
    const total = sum((each) => each.total) + (this.scenarios - all.length) * this.repetitions;
    const elapsedMs = this.context.elapsedMs();
    const ratePerSecond = elapsedMs === 0 ? 0 : (stored / elapsedMs) * 1000;
    const missing = total - completed - failed;
    return {
      run: progress.run,
      total,
      completed,
      failed,
      elapsedMs,
      ratePerSecond,
      remainingMs: ratePerSecond === 0 ? null : (missing / ratePerSecond) * 1000,
      runningMean: null,
      runningMargin: null,
    };
  }
}
