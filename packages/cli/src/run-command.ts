import { RunId, WriteToDbSettings, type RetryPolicy, type RunChange } from '@stepcompute/core';
import { parseRunChange, parseRunRequest } from '@stepcompute/core/adapters';
import { parseWorkers } from '@stepcompute/worker-threads';
import { conduct, type Settings } from './conduct.js';
import { openDatabase, openExistingDatabase } from './databases.js';
import type { ExitCode } from './exit-codes.js';
import { builtInGenerator, loadGenerator, recordedGenerator } from './generators.js';
import type { Interruption } from './interruption.js';
import { parseDuration, parseNumber } from './options.js';
import type { Terminal } from './terminal.js';

/** The options of `resume`, as typed; `run` and `extend` have more. */
export interface ResumeCommandOptions {
  readonly delay?: string;
  readonly concurrency?: string;
  readonly workers?: string;
  readonly timeout?: string;
  readonly tolerate?: string;
  readonly attempts?: string;
  readonly backoff?: string;
  readonly retryOn?: string;
  readonly db: string;
  readonly verbose?: boolean;
  readonly json?: boolean;
}

export interface RunCommandOptions extends ResumeCommandOptions {
  readonly repetitions: string;
  readonly seed?: string;
  readonly generator?: string;
}

export interface ExtendCommandOptions extends ResumeCommandOptions {
  readonly to: string;
}

/** Runs a simulation to its average, and shows it. */
export async function runCommand(
  options: RunCommandOptions,
  terminal: Terminal,
  interruption: Interruption,
): Promise<ExitCode> {
  return conduct(options, terminal, interruption, async () => {
    const settings = settingsOf(options);
    const request = {
      ...changeOf(options),
      repetitions: numberOf(options.repetitions),
      seed: numberOf(options.seed),
    };
    // Before the database is opened, so that a refused request leaves none behind.
    parseRunRequest(request);
    const generator =
      options.generator === undefined
        ? builtInGenerator
        : await interruption.race(loadGenerator(options.generator), neverLoads);
    const database = await interruption.race(
      openDatabase(options.db, (message) => terminal.note(message)),
      neverOpens,
    );
    return {
      database,
      generator,
      settings,
      start: (orchestrator, runOptions) =>
        orchestrator.run({ ...request, generatorName: generator.name }, runOptions),
    };
  });
}

/** Takes a run that was interrupted to its average, and shows it. */
export async function resumeCommand(
  runText: string,
  options: ResumeCommandOptions,
  terminal: Terminal,
  interruption: Interruption,
  repetitions?: number,
): Promise<ExitCode> {
  return conduct(options, terminal, interruption, async () => {
    const settings = settingsOf(options);
    const id = RunId.parse(parseNumber(runText));
    const change = { ...changeOf(options), repetitions };
    parseRunChange(change);
    const database = await interruption.race(openExistingDatabase(options.db), neverOpens);
    try {
      const { generatorName } = await database.stores.runs.get(id);
      const generator = await interruption.race(recordedGenerator(generatorName), neverLoads);
      return {
        database,
        generator,
        settings,
        start: (orchestrator, runOptions) => orchestrator.resume(id, change, runOptions),
      };
    } catch (error) {
      await database.close();
      throw error;
    }
  });
}

/** Gives a run more repetitions, and takes it to its average over all of them. */
export function extendCommand(
  runText: string,
  options: ExtendCommandOptions,
  terminal: Terminal,
  interruption: Interruption,
): Promise<ExitCode> {
  return resumeCommand(runText, options, terminal, interruption, numberOf(options.to));
}

const neverLoads = 'the generator’s module never finishes loading: nothing is left to wait for';
const neverOpens = 'the database never opens: nothing is left to wait for';

/** What is no number is left for the domain to refuse. */
function numberOf(text: string): number;
function numberOf(text: string | undefined): number | undefined;
function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : (parseNumber(text) as number);
}

function durationOf(text: string | undefined, field: string): number | undefined {
  return text === undefined ? undefined : parseDuration(text, field);
}

function changeOf({ delay, tolerate }: ResumeCommandOptions): RunChange {
  return { delayMs: durationOf(delay, 'delay'), tolerance: tolerate };
}

function settingsOf(options: ResumeCommandOptions): Settings {
  const { concurrency, workers, timeout, attempts, backoff, retryOn } = options;
  const retry: RetryPolicy = {
    attempts: numberOf(attempts),
    backoffMs: durationOf(backoff, 'backoff'),
    errors: retryOn?.split(',').map((name) => name.trim()),
  };
  const settings = {
    concurrency: numberOf(concurrency),
    timeoutMs: durationOf(timeout, 'timeout'),
    retry,
  };
  WriteToDbSettings.check(settings);
  return {
    ...settings,
    workers: workers === undefined ? undefined : parseWorkers(parseNumber(workers)),
  };
}
