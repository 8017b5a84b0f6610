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
import { requestFields, type ParsedSimulation } from '@stepcompute/core/adapters';
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
import { ReportedError, UsageError } from '../errors.js';
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
      (text) => requestFields.experiment.parse(text),
    ),
    key: option(
      '--key <text>',
      'tells it from another experiment of the same name, which is gone on with otherwise',
      (text) => requestFields.experimentKey.parse(text),
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
    const design = await designOf(file, variations);
    const name = nameOf(given.name, file);
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
      await experimentOn(work, asked, { ...given, place: on.text }, context).finally(close);
      return;
    }
    const { stores, close } = await interruption.race(
      openDatabase(db, (message) => terminal.note(message)),
      'the database never opens',
    );
    const engine = openEngine(found!, stores, given);
    try {
      const request = { ...asked, delayMs, generatorName: found!.name };
      const work = { stores, orchestrator: engine.orchestrator };
      await experimentOn(work, request, { ...given, place: db }, context);
    } finally {
      await engine.close();
      interruption.hasSimulation = false;
      await close();
    }
  },
});

/**
 * The name that is given, or else the design file's.
 * @throws InvalidInputError
 */
function nameOf(given: string | undefined, file: string | undefined): string {
  if (given !== undefined) return given;
  if (file === undefined) throw new UsageError('an experiment of --vary needs a --name');
  return requestFields.experiment.parse(basename(file, extname(file))) ?? '';
}

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

interface Asked extends AskedOfExperiment {
  /** Where its runs are stored, as the user has named it. */
  readonly place: string;
}

async function experimentOn(
  { stores, ...engine }: Work,
  request: ExperimentRequest,
  asked: Asked,
  context: Context,
): Promise<void> {
  const { terminal, interruption } = context;
  const { name, scenarios, repetitions, precision } = request;
  const key = request.key ?? name;
  const display = openProgress(terminal);
  const account = new Account(scenarios.length, repetitions, context);
  const size = precision === undefined ? '' : 'at first ';
  terminal.note(
    `Experiment ${name}: ${formatCount(scenarios.length)} scenarios, ` +
      `${size}${formatCount(repetitions)} repetitions each`,
  );
  let failed: ReportedError | undefined;
  try {
    const running = new Experiment({ ...engine, stores }).run(request, {
      signal: interruption.signal,
      onProgress: (progress, scenario) => {
        display.update(account.add(progress, scenario), account.text);
        interruption.lastWords(lastWords(name, account, asked));
      },
    });
    await interruption.wait(running, 'the generator never settles');
  } catch (error) {
    const isReported = isStepComputeError(error) && error.code === 'SCENARIOS_FAILED';
    failed = new ReportedError(
      error,
      { experiment: name, key },
      remedies(error, name, account, asked),
    );
    if (!isReported) throw failed;
  } finally {
    display.stop();
  }
  const runs = await stores.runs.list({ experiment: name });
  const byScenario = new Map(
    runs.filter(({ experimentKey }) => experimentKey === key).map((run) => [run.scenario, run]),
  );
  const own = scenarios.map((scenario) => byScenario.get(scenario.name)).filter(isRun);
  await tellOfExperiment(name, await scenarioRuns(stores, own), asked, stores, context, failed);
}

/** The lines to be said of an experiment that is ended before its time. */
function lastWords(name: string, account: Account, { place }: Asked): string[] {
  const known = `Experiment ${name}: ${account.text}, ${formatCount(account.completed)} values`;
  return place === 'memory'
    ? [`${known}, and memory keeps none`]
    : [`${known} are known to be stored`, 'The same command goes on with it'];
}

/** What is to be done about an error. */
function remedies(error: unknown, name: string, account: Account, asked: Asked): string[] {
  const code = isStepComputeError(error) ? error.code : undefined;
  switch (code) {
    case 'INVALID_INPUT':
    case 'CHANGED_DESIGN':
      return [];
    case 'CHANGED_SIMULATION':
    case 'CONFLICTING_RUN':
      return ['It goes on with the simulation that it was begun with: another --key begins anew'];
    case 'DELETED_RUN':
      return [`Runs of an experiment ${name} were deleted: another --key begins anew`];
    case 'SCENARIOS_FAILED':
      return asked.place === 'memory' ? [] : ['The same command tries again what failed'];
    default:
      return lastWords(name, account, asked);
  }
}

function isRun(run: Run | undefined): run is Run {
  return run !== undefined;
}

/** The progress of all scenarios together. */
class Account {
  readonly #latest = new Map<string, Progress>();
  /** How many values each scenario had before. */
  readonly #before = new Map<string, number>();

  readonly #beganMs: number;

  constructor(
    private readonly scenarios: number,
    private readonly repetitions: number,
    private readonly context: Pick<Context, 'elapsedMs'>,
  ) {
    this.#beganMs = context.elapsedMs();
  }

  /** How many of the scenarios have all of their values, in words. */
  get text(): string {
    const all = [...this.#latest.values()];
    const done = all.filter(({ completed, failed, total }) => completed + failed === total);
    return `${formatCount(done.length)} of ${formatCount(this.scenarios)} scenarios`;
  }

  /** How many values there are by now. */
  get completed(): number {
    return this.#sum(({ completed }) => completed);
  }

  #sum(of: (progress: Progress) => number): number {
    return [...this.#latest.values()].reduce((total, each) => total + of(each), 0);
  }

  add(progress: Progress, scenario: string): Progress {
    if (!this.#before.has(scenario)) this.#before.set(scenario, progress.completed);
    this.#latest.set(scenario, progress);
    const { completed } = this;
    const failed = this.#sum((each) => each.failed);
    const stored = completed - [...this.#before.values()].reduce((a, b) => a + b, 0);
    const toBegin = this.scenarios - this.#latest.size;
    const total = this.#sum((each) => each.total) + toBegin * this.repetitions;
    const elapsedMs = this.context.elapsedMs() - this.#beganMs;
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
