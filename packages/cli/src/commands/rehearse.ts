import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  InvalidInputError,
  messageOf,
  reportOf,
  warningOf,
  type Run,
  type RunRequest,
  type RunResult,
} from '@stepcompute/core';
import type { Costs, Rehearsal } from '@stepcompute/rehearsal';
import {
  analysisOf,
  failedChecks,
  reportWith,
  rowsOfChecks,
  type Analysis,
  type AskedAnalysis,
} from '../analysis.js';
import { refuseOtherMeasures } from '../checks.js';
import { declareCommand, flag, oneOf, option, withDefault, without } from '../command.js';
import { checkedLocation } from '../databases.js';
import { ReportedError } from '../errors.js';
import {
  formatCount,
  formatDuration,
  formatResult,
  rowsOfPrecision,
  rowsOfRun,
} from '../format.js';
import {
  analysisOptions,
  generatorOption,
  maximumOption,
  parameterOptions,
  parseLikelihood,
  parseWholeNumber,
  precisionOptions,
  refusedAs,
  repetitionsOf,
  repetitionsOption,
  reportOption,
  seedOption,
  toleranceOption,
} from '../options.js';
import { refuseMissingPackages } from '../packages.js';
import { openProgress } from '../progress-display.js';
import { knownOf } from '../run-watch.js';
import { givenParameters } from '../given-parameters.js';
import { builtIn, openSimulation } from '../simulations.js';
import type { Context } from '../context.js';

/** Ten minutes become ten milliseconds. */
const timeScale = 60_000;

export const rehearseCommand = declareCommand({
  name: 'rehearse',
  description: 'run the deployment on AWS, as CDK synthesizes it, on this machine',
  arguments: {},
  options: {
    repetitions: without(
      withDefault(repetitionsOption('-n, --repetitions <count>', 'how many iterations'), 200),
      'untilPrecision',
    ),
    ...precisionOptions,
    maximum: maximumOption(
      'the most iterations; without it, 1,000 times those of the first look, or what the mode allows where that is fewer',
    ),
    seed: seedOption,
    mode: withDefault(
      oneOf('--mode <mode>', 'inline, for up to 2,854 repetitions, or distributed', 'mode', [
        'inline',
        'distributed',
      ]),
      'inline',
    ),
    generator: generatorOption('a file of JavaScript or TypeScript with the simulation to deploy'),
    ...parameterOptions,
    tolerance: withDefault(toleranceOption(), '0'),
    faults: withDefault(
      option('--faults <likelihood>', 'how likely a call meets a fault of AWS, 0 to 1', (text) =>
        parseLikelihood(text, 'faults'),
      ),
      0,
    ),
    crashes: withDefault(
      option('--crashes <likelihood>', 'how likely a function’s process dies, 0 to 1', (text) =>
        parseLikelihood(text, 'crashes'),
      ),
      0,
    ),
    faultSeed: withDefault(
      option('--fault-seed <integer>', 'the same integer draws the same faults', (text) =>
        parseWholeNumber(text, 'fault seed', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
      ),
      0,
    ),
    db: withDefault(
      option(
        '--db <place>',
        'the database behind the Data API: memory, a folder, or a PostgreSQL URL; STEPCOMPUTE_DB has no effect here',
        (text) => text,
      ),
      'memory',
    ),
    ...analysisOptions,
    json: reportOption,
    verbose: flag('--verbose', 'show the functions’ logs, and the stack traces of errors'),
  },
  help: `
Ten minutes of delay become ten milliseconds. The output says what the run would have cost, and how long
it would have taken, at least, by how many functions the account lets work at a time.

Examples:
  $ stepcompute rehearse --repetitions 200 --seed 42
  $ stepcompute rehearse --mode distributed -n 100000 --json
  $ stepcompute rehearse --mode distributed --until-precision 1%
  $ stepcompute rehearse --generator ./pricing.ts --param strike=110
  $ stepcompute rehearse --generator ./queue.ts --quantiles 0.5,0.95 --check 'p95(wait) < 10'
  $ stepcompute rehearse --faults 0.2 --fault-seed 7`,
  async action(given, context) {
    const { mode, generator, db, verbose, seed, tolerance } = given;
    const { terminal, interruption } = context;
    refuseMissingPackages('rehearse', packages);
    const { simulation } =
      generator === undefined ? builtIn : await openSimulation(generator, interruption);
    const parameters = await givenParameters(simulation, given.parameters, given.parametersFile);
    await interruption.race(
      simulation.parametersOf(parameters),
      'the check of the parameters never ends',
    );
    interruption.hasSimulation = false;
    refuseOtherMeasures(given.checks, simulation.measures);
    const asked = await withinMode(mode, given, simulation.measures);
    // The functions on AWS run on a Node of their own; the warning is about this one.
    process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
    const database = checkedLocation(db);
    const assembly = mkdtempSync(join(tmpdir(), 'stepcompute-rehearsal-'));
    try {
      terminal.note(`Synthesizing the deployment (${mode}) …`);
      await interruption.race(synthesize(assembly, mode, generator), 'the synthesis never ends');
      const { Rehearsal } = await import('@stepcompute/rehearsal');
      const { variables } = await import('@stepcompute/aws-adapter/wire');
      const rehearsal = await interruption.race(
        Rehearsal.start({
          assembly,
          database,
          timeScale,
          scaledVariables: [variables.delay.name],
          faults: { rate: given.faults, crashes: given.crashes, seed: given.faultSeed },
          ...(verbose &&
            !terminal.wantsJson && { onLog: (name, line) => terminal.note(`${name}: ${line}`) }),
        }),
        'the rehearsal never starts',
      );
      try {
        const request = { ...asked, seed, parameters, tolerance };
        await report(mode, await rehearse(rehearsal, request, given, context), given, context);
      } finally {
        await rehearsal.close();
      }
    } finally {
      rmSync(assembly, { recursive: true, force: true });
    }
  },
});

/** The packages that only AWS needs: they do not come with the command. */
const packages = ['@stepcompute/aws-adapter', '@stepcompute/infra', '@stepcompute/rehearsal'];

const stackName = 'StepCompute';

type Mode = 'inline' | 'distributed';

/**
 * The repetitions asked for, and the precision.
 * @throws InvalidInputError when they are not valid, or the deployment would refuse so many
 */
async function withinMode(
  mode: Mode,
  given: Parameters<typeof repetitionsOf>[0],
  measures: readonly string[],
): Promise<ReturnType<typeof repetitionsOf>> {
  const { mostRepetitions, refuseRepetitions } = await import('@stepcompute/infra');
  const { refuseTooManyToAverage } = await import('@stepcompute/aws-adapter/wire');
  const { mostAveraged } = await import('@stepcompute/aws-adapter');
  const averaged = mostAveraged('Data API', measures.length);
  const refuse = (count: number, option = 'repetitions'): void =>
    refusedAs({ repetitions: option }, () => {
      refuseTooManyToAverage(count, averaged);
      refuseRepetitions({ mode }, count);
    });
  const most = Math.min(mostRepetitions({ mode }), averaged);
  const asked = repetitionsOf(given, measures, most);
  const { maximum } = asked.precision ?? {};
  refuse(asked.repetitions, maximum === undefined ? undefined : '--min');
  if (maximum !== undefined) refuse(maximum, '--max');
  return asked;
}

/** Has CDK's app write its assembly, as `npm run synth` does but without the command line of CDK. */
async function synthesize(
  assembly: string,
  mode: string,
  generator: string | undefined,
): Promise<void> {
  const app = fileURLToPath(import.meta.resolve('@stepcompute/infra/app'));
  const context = {
    mode,
    stackName,
    ...(generator !== undefined && { generator: resolve(generator) }),
  };
  const env = {
    ...process.env,
    CDK_OUTDIR: assembly,
    CDK_CONTEXT_JSON: JSON.stringify(context),
  };
  try {
    await promisify(execFile)(process.execPath, [app], { env });
  } catch (cause) {
    const reason = reasonOf(cause);
    if (generator === undefined) {
      throw new Error(`the deployment can't be synthesized: ${reason}`, { cause });
    }
    const expected = `a simulation that can be deployed (${reason})`;
    throw new InvalidInputError('generator', expected, generator, { cause });
  }
}

/** The message alone of the error that a child process has ended with. */
function reasonOf(error: unknown): string {
  const { stderr = '' } = error as { readonly stderr?: string };
  const named = stderr.split(/^\w*Error: /m).at(-1) ?? '';
  const [message = ''] = named.split(/\n\s+at |\n\s*\n|\s*$/);
  return message === '' ? messageOf(error) : message;
}

interface Rehearsed {
  readonly result: RunResult;
  /** Of the run, without its analysis. */
  readonly costs: Costs;
  readonly analysis: Analysis;
}

/**
 * Has the deployment take one run to its average, and analyses its values.
 * @throws ReportedError with the run's ledger and the rehearsal's costs
 */
async function rehearse(
  rehearsal: Rehearsal,
  request: RunRequest,
  asked: AskedAnalysis,
  { terminal, interruption }: Context,
): Promise<Rehearsed> {
  const { openDeployment } = await import('@stepcompute/aws-adapter');
  Object.assign(process.env, rehearsal.environment);
  const { orchestrator, stores, close } = await openDeployment(stackName, { pollMs: 250 });
  const display = openProgress(terminal);
  let begun: Run | undefined;
  const running = orchestrator.run(request, {
    signal: interruption.signal,
    onProgress: (progress) => {
      begun = progress.run;
      display.update(progress);
    },
  });
  try {
    const result = await interruption.wait(running, 'the rehearsal never ends');
    const costs = rehearsal.costs();
    return { result, costs, analysis: await analysisOf(asked, result, stores, terminal) };
  } catch (error) {
    const ended = begun && (await knownOf(begun, error, stores));
    throw new ReportedError(error, {
      ...(begun && { runId: begun.id }),
      ...(ended && reportOf(ended)),
      rehearsal: rehearsal.costs(),
    });
  } finally {
    display.stop();
    await close();
  }
}

/** How long the run would take on AWS, by how many functions the account lets work at a time. */
async function lengthsOf(
  mode: Mode,
  { run, ledger }: RunResult,
  costs: Costs,
): Promise<{ readonly functions: number; readonly seconds: number }[]> {
  const { accountSizes, defaultMegabytes, runSeconds } = await import('@stepcompute/infra');
  const { repetitions, delayMs } = run;
  // Inline, each function sleeps; what is left is their computing and their starts, as they were here.
  const asleep = mode === 'inline' ? (ledger.completed * delayMs) / 1000 : 0;
  const awake = Math.max(0, costs.lambdaGigabyteSeconds / (defaultMegabytes / 1024) - asleep);
  const secondsPerIteration = awake / repetitions;
  return accountSizes.map((functions) => ({
    functions,
    seconds: Math.round(runSeconds({ mode }, { repetitions, functions, secondsPerIteration })),
  }));
}

/** @throws ReportedError when a check does not hold */
async function report(
  mode: Mode,
  { result, costs, analysis }: Rehearsed,
  asked: AskedAnalysis,
  { terminal, elapsedMs }: Context,
): Promise<void> {
  const lengths = await lengthsOf(mode, result, costs);
  const failed = failedChecks([analysis]);
  const fields = {
    ...reportWith(reportOf(result), asked, analysis),
    elapsedMs: elapsedMs(),
    rehearsal: { ...costs, lengths },
  };
  // The error's own report has all of it.
  if (terminal.wantsJson && failed === undefined) terminal.print(JSON.stringify(fields));
  if (!terminal.wantsJson) {
    const rows = rowsOf(result, costs, elapsedMs());
    rows.after.push(
      ...lengths.map(({ functions, seconds }) => [
        `on AWS, ${formatCount(functions)} functions at a time`,
        formatDuration(seconds * 1000),
      ]),
      ...rowsOfChecks(analysis.checks),
    );
    terminal.print(formatResult(rows, result.averages, terminal.screen, analysis.quantiles));
  }
  const warning = warningOf(result);
  if (warning !== undefined) terminal.warn(warning);
  if (failed !== undefined) throw new ReportedError(failed, fields);
}

function rowsOf(
  result: RunResult,
  costs: Costs,
  elapsedMs: number,
): { readonly before: string[][]; readonly after: string[][] } {
  const faults = Object.entries(costs.faults).map(([name, count]) => `${name} ${count}`);
  return {
    before: rowsOfRun(result),
    after: [
      ...rowsOfPrecision(result.run, result.averages),
      ['elapsed', formatDuration(elapsedMs)],
      ['state transitions', formatCount(costs.stateTransitions)],
      ['child executions', formatCount(costs.childExecutions)],
      ['Lambda requests', formatCount(costs.lambdaRequests)],
      ['Lambda GB-seconds', formatCount(Math.round(costs.lambdaGigabyteSeconds))],
      [
        'Data API calls',
        `${formatCount(costs.dataApiCalls)}, billed as ${formatCount(costs.dataApiRequests)}`,
      ],
      ['largest payload', `${formatCount(costs.largestPayloadBytes)} bytes of 262,144`],
      ['longest history', `${formatCount(costs.longestHistory)} events of 25,000`],
      ['faults', faults.length === 0 ? 'none' : faults.join(', ')],
      ['would have cost', `$${costs.dollars.toPrecision(3)}, database apart`],
    ],
  };
}
