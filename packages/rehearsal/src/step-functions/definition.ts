import { UnsupportedError } from '../service-error.js';

/** A states-language object of whatever kind, its fields checked. */
type Fields = Readonly<Record<string, unknown>>;

interface Retrier {
  readonly ErrorEquals: readonly string[];
  readonly IntervalSeconds?: number;
  readonly MaxAttempts?: number;
  readonly BackoffRate?: number;
  readonly MaxDelaySeconds?: number;
  readonly JitterStrategy?: string;
}

export interface State extends Fields {
  readonly Type: string;
  readonly Retry?: readonly Retrier[];
}

/** A state machine, or what a Map runs for each item. */
export interface Definition {
  readonly StartAt: string;
  readonly States: Readonly<Record<string, State>>;
  readonly TimeoutSeconds?: number;
}

/** A Map state as it is run here: each item by an interpreter of its own. */
export interface MapState extends State {
  readonly ItemProcessor: Definition & { readonly ProcessorConfig?: { readonly Mode?: string } };
  readonly ItemSelector?: unknown;
  readonly MaxConcurrency?: number;
  readonly Label?: string;
}

const flow = ['Type', 'Comment', 'Next', 'End'];
const paths = ['InputPath', 'OutputPath'];
const results = ['ResultPath', 'ResultSelector'];
const errors = ['Retry', 'Catch'];

/** What each type of state may have; all else is refused, since it would be passed over in silence. */
const fieldsOf: Readonly<Record<string, readonly string[]>> = {
  Task: [...flow, ...paths, ...results, ...errors, 'Resource', 'Parameters', 'TimeoutSeconds'],
  Map: [
    ...flow,
    ...paths,
    ...results,
    ...errors,
    'ItemProcessor',
    'ItemsPath',
    'ItemSelector',
    'MaxConcurrency',
    'ToleratedFailureCount',
    'ToleratedFailurePercentage',
    'Label',
  ],
  Pass: [...flow, ...paths, 'Parameters', 'Result', 'ResultPath'],
  Wait: [...flow, ...paths, 'Seconds', 'SecondsPath'],
  Choice: ['Type', 'Comment', 'Choices', 'Default', ...paths],
  Succeed: ['Type', 'Comment', ...paths],
  Fail: ['Type', 'Comment', 'Error', 'Cause', 'ErrorPath', 'CausePath'],
};

const machineFields = [
  'Comment',
  'StartAt',
  'States',
  'TimeoutSeconds',
  'Version',
  'QueryLanguage',
];

/**
 * Checks that a definition can be run as AWS would run it.
 * @throws UnsupportedError naming the state and the field
 */
export function parseDefinition(definition: unknown): Definition {
  checkMachine(definition as Fields, 'the state machine', machineFields);
  return definition as Definition;
}

function checkMachine(machine: Fields, place: string, known: readonly string[]): void {
  refuseOthers(machine, place, known);
  if (machine.QueryLanguage !== undefined && machine.QueryLanguage !== 'JSONPath') {
    throw new UnsupportedError(
      `${place} uses ${JSON.stringify(machine.QueryLanguage)}; only JSONPath is rehearsed`,
    );
  }
  for (const [name, state] of Object.entries(machine.States as Record<string, State>)) {
    checkState(name, state);
  }
}

function checkState(name: string, state: State): void {
  const place = `state ${name}`;
  const known = fieldsOf[state.Type];
  if (known === undefined) {
    throw new UnsupportedError(`${place} is of type ${state.Type}, which is not rehearsed`);
  }
  refuseOthers(state, place, known);
  if (state.Type === 'Task') checkTask(place, state);
  if (state.Type === 'Map') checkMap(place, state as MapState);
}

function checkTask(place: string, { Resource }: State): void {
  const isLambda =
    typeof Resource === 'string' &&
    (/^arn:aws:states:::lambda:invoke$/.test(Resource) || /^arn:aws:lambda:[^.]*$/.test(Resource));
  if (!isLambda) {
    throw new UnsupportedError(`${place} calls ${String(Resource)}; only Lambda is rehearsed`);
  }
}

function checkMap(place: string, state: MapState): void {
  for (const field of ['ToleratedFailureCount', 'ToleratedFailurePercentage']) {
    if (state[field] !== undefined && state[field] !== 0) {
      throw new UnsupportedError(`${place} tolerates failures (${field}), which is not rehearsed`);
    }
  }
  const { ProcessorConfig = {} } = state.ItemProcessor as {
    ProcessorConfig?: { Mode?: string; ExecutionType?: string };
  };
  const { Mode = 'INLINE', ExecutionType = 'STANDARD' } = ProcessorConfig;
  if (!['INLINE', 'DISTRIBUTED'].includes(Mode)) {
    throw new UnsupportedError(`${place} has the unknown mode ${Mode}`);
  }
  if (ExecutionType !== 'STANDARD') {
    throw new UnsupportedError(`${place} has ${ExecutionType} children, which are not rehearsed`);
  }
  checkMachine(state.ItemProcessor as unknown as Fields, `${place}’s processor`, [
    'ProcessorConfig',
    'StartAt',
    'States',
    'Comment',
  ]);
}

function refuseOthers(value: Fields, place: string, known: readonly string[]): void {
  const other = Object.keys(value).find((key) => !known.includes(key));
  if (other !== undefined)
    throw new UnsupportedError(`${place} has ${other}, which is not rehearsed`);
}

/** What the interpreter takes for a Map: a task that is given its items and runs them. */
const mapResource = 'arn:aws:lambda:us-east-1:123456789012:function:map';

/** As long as a timer can be: AWS gives a task three years, the interpreter a minute. */
const longestTaskSeconds = 2_147_483;

/**
 * The definition as the interpreter gets it: waits and retry intervals in rehearsed time, and Maps as
 * tasks, since it runs no children of its own and shares one context between a Map's iterations.
 */
export function toInterpreted(definition: Definition, timeScale: number): Definition {
  const states = Object.entries(definition.States).map(([name, state]) => [
    name,
    interpretedState(state, timeScale),
  ]);
  return { ...definition, States: Object.fromEntries(states) as Record<string, State> };
}

function interpretedState(state: State, timeScale: number): State {
  const scaled: State = {
    ...state,
    ...(typeof state.Seconds === 'number' && { Seconds: state.Seconds / timeScale }),
    ...(state.Retry && { Retry: state.Retry.map((retrier) => scaledRetrier(retrier, timeScale)) }),
  };
  if (state.Type === 'Task') return { TimeoutSeconds: longestTaskSeconds, ...scaled };
  if (state.Type !== 'Map') return scaled;
  const ofMapAlone = ['ItemProcessor', 'ItemsPath', 'ItemSelector', 'MaxConcurrency', 'Label'];
  const rest = Object.entries(scaled).filter(([field]) => !ofMapAlone.includes(field));
  return {
    ...Object.fromEntries(rest),
    Type: 'Task',
    TimeoutSeconds: longestTaskSeconds,
    Resource: mapResource,
    Parameters: { 'items.$': scaled.ItemsPath ?? '$', 'input.$': '$' },
  };
}

function scaledRetrier(retrier: Retrier, timeScale: number): Retrier {
  const { IntervalSeconds = 1, MaxDelaySeconds } = retrier;
  return {
    ...retrier,
    IntervalSeconds: IntervalSeconds / timeScale,
    ...(MaxDelaySeconds !== undefined && { MaxDelaySeconds: MaxDelaySeconds / timeScale }),
  };
}
