import {
  InvalidInputError,
  Milliseconds,
  Precision,
  Repetitions,
  RunId,
  Seed,
  Tolerance,
  WriteToDbSettings,
  type RunRequest,
} from '@stepcompute/core';
import { parseProbabilities, requestFields } from '@stepcompute/core/adapters';
import { hundredth, parseCheck } from './checks.js';
import { parsePlace } from './deployments.js';
import { parseWorkers } from '@stepcompute/worker-threads';
import { Option } from 'commander';
import ms, { type StringValue } from 'ms';
import {
  argument,
  argumentList,
  flag,
  list,
  option,
  withDefault,
  without,
  type ValuesOf,
} from './command.js';

/**
 * A whole number as people type it: digits, perhaps with a sign or an exponent. Any other text stays
 * text, for the domain to refuse and quote; so do digits that a double would round.
 */
export function parseNumber(text: string): unknown {
  if (!/^[+-]?\d+(e\+?\d+)?$/i.test(text)) return text;
  const value = Number(text);
  const isRounded = /^\d+$/.test(text) && BigInt(text) > Number.MAX_SAFE_INTEGER;
  return isRounded && String(value) !== text ? text : value;
}

/**
 * Parses a whole number that no domain object stands for.
 * @throws InvalidInputError naming the limits
 */
export function parseWholeNumber(
  text: string,
  field: string,
  minimum: number,
  maximum: number,
): number {
  const value = parseNumber(text);
  if (typeof value !== 'number' || !(value >= minimum && value <= maximum)) {
    throw new InvalidInputError(field, `a whole number from ${minimum} to ${maximum}`, value);
  }
  return value;
}

/**
 * A span of time such as `250ms`, `5s`, `10m`, `1.5h`, `2d`, in milliseconds; so is a bare number.
 * @throws InvalidInputError
 */
function parseDuration(text: string, field: string, minimum = 0): Milliseconds {
  const milliseconds = text === '' || text.length > 100 ? undefined : ms(text as StringValue);
  if (milliseconds === undefined || !(milliseconds >= 0)) {
    throw new InvalidInputError(field, 'a duration such as 500ms, 5s, 10m or 1.5h', text);
  }
  return Milliseconds.parse(milliseconds, field, minimum);
}

/** @throws InvalidInputError unless the text is a number from 0 to 1 */
export function parseLikelihood(text: string, field: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (!(value >= 0 && value <= 1)) throw new InvalidInputError(field, 'a number from 0 to 1', text);
  return value;
}

/** Parses a count, and has the domain check it as a setting of step 2: the limits are the domain's. */
function countWithin(settingsOf: (count: number) => WriteToDbSettings): (text: string) => number {
  return (text) => {
    const count = parseNumber(text) as number; // the check refuses what is no number
    WriteToDbSettings.check(settingsOf(count));
    return count;
  };
}

export const parseRunId = (text: string): RunId => RunId.parse(parseNumber(text));

export const runArgument = argument('<run>', 'the run’s id', parseRunId);
export const runsArgument = argumentList('<run...>', 'the runs’ ids', parseRunId);

export function repetitionsOption(flags: string, description: string) {
  return option(flags, description, (text): number => Repetitions.parse(parseNumber(text)));
}

export const seedOption = option(
  '--seed <integer>',
  'an integer from 0 to 2^53 − 1; without one, a random seed is chosen and recorded',
  (text) => Seed.parse(parseNumber(text)),
);

export function generatorOption(description: string) {
  return option('--generator <file>', description, (text) => text);
}

/** A parameter as it is given on the command line. */
export interface Parameter {
  readonly name: string;
  readonly text: string;
}

export function parameterOption(description: string) {
  return list<Parameter>('-p, --param <name=value>', description, (given, before) => {
    const end = given.indexOf('=');
    if (end < 1) throw new InvalidInputError('--param', 'name=value', given);
    const name = given.slice(0, end);
    if (before.some((other) => other.name === name)) {
      throw new InvalidInputError('--param', 'given once for each name', name);
    }
    return { name, text: given.slice(end + 1) };
  });
}

/** The simulation's parameters. */
export const parameterOptions = {
  parameters: parameterOption(
    'a parameter of the simulation, as often as needed: JSON, or text where its default is text',
  ),
  parametersFile: option(
    '--params-file <file>',
    'a file with a JSON object of parameters; those of --param win',
    (text) => text,
  ),
};

export function labelOption(description: string) {
  return option('--label <text>', description, (text) => requestFields.label.parse(text));
}

export function delayOption(description: string) {
  return option('--delay <duration>', description, (text): number => parseDuration(text, 'delay'));
}

export function toleranceOption(
  description = 'how many iterations may fail: a count, or a share as in 1%',
) {
  return option('--tolerate <failures>', description, (text): string => Tolerance.parse(text));
}

/**
 * The work's answer.
 * @param names the options, by the fields that the work knows them as
 * @throws InvalidInputError what the work refuses, under the option's name
 */
export function refusedAs<T>(names: Readonly<Record<string, string>>, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const option = error instanceof InvalidInputError ? names[error.field] : undefined;
    if (option === undefined) throw error;
    const { expected, received } = error as InvalidInputError;
    throw new InvalidInputError(option, expected, received);
  }
}

function countOption(name: string, description: string) {
  return option(`${name} <count>`, description, (text): number =>
    refusedAs({ repetitions: name }, () => Repetitions.parse(parseNumber(text))),
  );
}

export function maximumOption(description: string) {
  return countOption('--max', description);
}

/** How precise a mean is to become: the options of a goal, which stand beside the first of them. */
export const precisionOptions = {
  untilPrecision: option(
    '--until-precision <half-width>',
    'go on until half the interval of the mean is no wider than this: a number, or a share of the mean as in 1%',
    (text) => text,
  ),
  measure: option(
    '--measure <name>',
    'the measure whose mean it is; without it, the first',
    (text) => text,
  ),
  confidence: option(
    '--confidence <percent>',
    'that of the interval; without it, 95%',
    parseConfidence,
  ),
  minimum: countOption(
    '--min',
    'how many iterations the first look is at, each further one at twice as many; without it, 1,000, or --max where that is fewer',
  ),
  maximum: maximumOption('the most iterations; without it, 1,000 times those of the first look'),
};

/** A share between 0 and 1, or as a percentage. */
function parseConfidence(text: string): number {
  const [, number, percent] = /^(\d*\.?\d+)(%)?$/.exec(text) ?? [];
  const confidence = percent === undefined ? Number(number) : hundredth(number!);
  if (confidence > 0 && confidence < 1) return confidence;
  throw new InvalidInputError('--confidence', 'between 0% and 100%, such as 95%', text);
}

/** A goal's options that say nothing without it, as people type them. */
const besideGoal = {
  measure: '--measure',
  confidence: '--confidence',
  minimum: '--min',
  maximum: '--max',
} as const;

const firstLook = 1000;

/**
 * The repetitions of a run, and how precise its mean is to become.
 * @param measures the simulation's, where they are known
 * @param most of the repetitions, where no maximum is given
 * @throws InvalidInputError when the goal is not valid, or its options are given without one
 */
export function repetitionsOf(
  given: ValuesOf<typeof precisionOptions> & { readonly repetitions: number },
  measures?: readonly string[],
  most: number = Repetitions.maximum,
): Pick<RunRequest, 'repetitions' | 'precision'> {
  const { untilPrecision: halfWidth, measure, confidence, minimum, maximum } = given;
  if (halfWidth === undefined) {
    for (const [name, flags] of Object.entries(besideGoal)) {
      const value = given[name as keyof typeof besideGoal];
      if (value === undefined) continue;
      throw new InvalidInputError(flags, 'beside --until-precision', value);
    }
    return { repetitions: given.repetitions };
  }
  const names = {
    'half width': '--until-precision',
    measure: '--measure',
    // A first look that nobody asked for is at the maximum, where that is too low.
    repetitions: minimum === undefined ? '--max' : '--min',
    maximum: '--max',
  };
  return refusedAs(names, () => {
    const repetitions = Repetitions.parse(minimum ?? Math.min(firstLook, maximum ?? firstLook));
    const goal = { halfWidth, measure, confidence, maximum };
    const precision = Precision.parse(goal, repetitions);
    if (measures !== undefined) Precision.measureOf(precision, measures);
    const within = Math.min(precision.maximum, most);
    return { repetitions, precision: { ...goal, maximum: maximum ?? within } };
  });
}

export function timeoutOption(description: string) {
  return option('--timeout <duration>', description, (text) => parseDuration(text, 'timeout', 1));
}

export function databaseOption(
  description = 'where the runs are: a folder, or postgres://user:password@host:port/database',
) {
  return withDefault(
    option('--db <place>', description, (text) => text),
    databaseOf(process.env),
    // Not the value itself, which may hold a password: help prints it.
    'STEPCOMPUTE_DB, or .stepcompute',
  );
}

/** An empty variable is as good as none: that is how a shell's user takes one away. */
function databaseOf({ STEPCOMPUTE_DB: db }: NodeJS.ProcessEnv): string {
  return db === undefined || db === '' ? '.stepcompute' : db;
}

/**
 * How a further command is told where runs are, unless it looks there by itself: as ` --db runs`, or nothing.
 * A URL may hold a password.
 * @param env the environment in which it will be typed
 */
export function placeOption(place: string, env: NodeJS.ProcessEnv = process.env): string {
  if (place.startsWith('aws:')) return ` --on ${place}`;
  if (place === databaseOf(env) || place.includes('://')) return '';
  const isPlain = /^[\w@%+:,./-]+$/.test(place);
  return ` --db ${isPlain ? place : `'${place.replaceAll("'", "'\\''")}'`}`;
}

/** A deployment, in place of a database. */
export function onOption(
  excluded: readonly string[] = [],
  description = 'where the runs are, in place of a database: aws:STACK, the stack of a deployment',
) {
  return ['db', ...excluded].reduce(
    (place, other) => without(place, other),
    option('--on <place>', description, (text) => parsePlace(text)),
  );
}

/** The options of an execution that a deployment has settled. */
export const settled = [
  'generator',
  'delay',
  'concurrency',
  'workers',
  'timeout',
  'attempts',
  'backoff',
  'retryOn',
] as const;

export function jsonOption(description: string) {
  return flag('--json', description);
}

export const verboseOption = flag('--verbose', 'show the stack traces and the causes of errors');

/** Of every command. */
export const quietOption = new Option(
  '--quiet',
  'say nothing on standard error but errors and warnings: neither notes nor progress',
);

/** How a run that is taken to its end is reported. */
export const reportOption = jsonOption('print one JSON object on the last line of standard output');

/** The measure that is to be drawn. */
export const histogramOption = without(
  option(
    '--histogram <measure>',
    'draw the values of this measure, also where no terminal is; without it, those of the first on a terminal',
    (text) => text,
  ),
  'json',
);

export const controlOption = option(
  '--control <scenario>',
  'the scenario that all others are compared with',
  (text) => text,
);

/** The name of an experiment, in place of runs' ids. */
export function experimentOption(description: string) {
  return option('--experiment <name>', description, (text): string => {
    const name = requestFields.experiment.parse(text);
    return name ?? '';
  });
}

/** The analysis of a run's values. */
export const analysisOptions = {
  quantiles: withDefault(
    option(
      '--quantiles <probabilities>',
      'quantiles of the values with their 95 % intervals, as in 0.05,0.5,0.95',
      (text) => parseProbabilities(text.split(',').map(parseProbability)),
    ),
    [],
    'none',
  ),
  checks: list(
    '--check <claim>',
    'exit with 7 unless this holds, as often as needed: "mean(wait) < 3", "p95(wait) <= 10", "mean(wait) < 3 with 95%"',
    (text) => parseCheck(text),
  ),
};

/** A number, or else the text, to be refused as it was typed. */
function parseProbability(text: string): unknown {
  const value = text.trim() === '' ? NaN : Number(text);
  return Number.isNaN(value) ? text : value;
}

/** The changes that a run takes when it is resumed. */
export const changeOptions = {
  delayMs: delayOption('wait after each value from now on; without it, the run’s own delay'),
  tolerance: toleranceOption(
    'how many iterations may fail from now on; without it, the run’s own tolerance',
  ),
};

/**
 * A flag that takes something away: true unless it is given.
 * @param attribute its value's name, since commander would give `--check` and `--no-check` one
 */
function unless(flags: string, attribute: string, description: string) {
  const { place } = flag(flags, description);
  place.attributeName = () => attribute;
  return { place, read: (parsed: unknown): boolean => parsed !== false };
}

/** How a run that is gone on with is held against the simulation. */
export const goOnOptions = {
  file: generatorOption('the simulation’s file, where it is not where the run’s record has it'),
  acceptChangedSimulation: flag(
    '--accept-changed-simulation',
    'go on though the code is not the run’s: values to come are kept apart, and counted',
  ),
  checkStored: unless(
    '--no-check',
    'checkStored',
    'generate no stored iteration again first, to see that it comes to the same value',
  ),
};

/** How iterations are executed. */
export const executionOptions = {
  concurrency: withDefault(
    option(
      '--concurrency <count>',
      'the most iterations in flight at a time',
      countWithin((concurrency) => ({ concurrency })),
    ),
    1000,
  ),
  workers: option(
    '--workers <count>',
    'run the simulation in so many worker threads, or auto: one for each core',
    (text) => parseWorkers(parseNumber(text)),
  ),
  timeoutMs: timeoutOption(
    'the longest that one call of an asynchronous generator may take; with --workers, of any generator',
  ),
  attempts: withDefault(
    option(
      '--attempts <count>',
      'the most calls of the generator for one iteration',
      countWithin((attempts) => ({ retry: { attempts } })),
    ),
    1,
  ),
  backoffMs: withDefault(
    option(
      '--backoff <duration>',
      'the longest wait before the second attempt; it doubles with each further one, up to 30s',
      (text): number => parseDuration(text, 'backoff'),
    ),
    100,
    '100ms',
  ),
  retryOn: option(
    '--retry-on <names>',
    'try again only after errors with these names, with commas between them',
    (text) => {
      const names = text.split(',').map((name) => name.trim());
      if (names.every((name) => name !== '')) return names;
      throw new InvalidInputError('--retry-on', 'names with commas between them', text);
    },
  ),
};

export type ExecutionOptions = ValuesOf<typeof executionOptions>;

export type GoOnOptions = Omit<ValuesOf<typeof goOnOptions>, 'acceptChangedSimulation'>;
