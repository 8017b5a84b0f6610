import { UnsupportedError } from '../service-error.js';
import { assertPath, assertResultPath, assertTemplate, type Place } from './paths.js';

/** A states-language object of whatever kind, its fields checked. */
export type Fields = Readonly<Record<string, unknown>>;

export interface Retrier {
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
  Wait: [...flow, ...paths, 'Seconds'],
  Succeed: ['Type', 'Comment', ...paths],
  Fail: ['Type', 'Comment', 'Error', 'Cause'],
};

/** Of a state's name. */
const mostNameCharacters = 80;

const machineFields = [
  'Comment',
  'StartAt',
  'States',
  'TimeoutSeconds',
  'Version',
  'QueryLanguage',
];
const processorFields = ['ProcessorConfig', 'StartAt', 'States', 'Comment', 'QueryLanguage'];
const retrierFields = [
  'ErrorEquals',
  'IntervalSeconds',
  'MaxAttempts',
  'BackoffRate',
  'MaxDelaySeconds',
  'JitterStrategy',
  'Comment',
];
const catcherFields = ['ErrorEquals', 'ResultPath', 'Next', 'Comment'];
/** Of `lambda:invoke`. */
const invokeFields = ['FunctionName', 'FunctionName.$', 'Payload', 'Payload.$'];

/**
 * Checks that a definition can be run as AWS would run it.
 * @throws UnsupportedError naming the state and the field
 */
export function parseDefinition(definition: unknown): Definition {
  checkMachine(asFields(definition, 'the state machine'), machineFields, {
    name: 'the state machine',
    isInline: false,
  });
  return definition as Definition;
}

function checkMachine(machine: Fields, known: readonly string[], place: Place): void {
  refuseOthers(machine, place.name, known);
  refuseJsonata(machine, place.name);
  const states = asFields(machine.States, `${place.name}’s States`);
  assertTarget(machine.StartAt, 'StartAt', states, place.name);
  for (const [name, state] of Object.entries(states)) {
    if (name.length < 1 || name.length > mostNameCharacters) {
      throw new UnsupportedError(`${place.name} has a state named ${JSON.stringify(name)}`);
    }
    checkState({ ...place, name: `state ${name}` }, state as State, states);
  }
}

function checkState(place: Place, state: State, states: Fields): void {
  const known = fieldsOf[state.Type];
  if (known === undefined) {
    throw new UnsupportedError(`${place.name} is of type ${state.Type}, which is not rehearsed`);
  }
  refuseJsonata(state, place.name);
  refuseOthers(state, place.name, known);
  if (known.includes('Next') && state.End !== true) {
    assertTarget(state.Next, 'Next', states, place.name);
  }
  for (const field of ['InputPath', 'OutputPath', 'ItemsPath']) {
    assertPath(state[field], place, field);
  }
  assertResultPath(state.ResultPath, place, 'ResultPath');
  for (const field of ['Parameters', 'ResultSelector', 'ItemSelector']) {
    assertTemplate(state[field], place, field);
  }
  for (const retrier of state.Retry ?? []) {
    refuseOthers(retrier as unknown as Fields, `${place.name}’s Retry`, retrierFields);
  }
  for (const catcher of (state.Catch ?? []) as readonly Fields[]) {
    refuseOthers(catcher, `${place.name}’s Catch`, catcherFields);
    assertTarget(catcher.Next, 'Catch.Next', states, place.name);
    assertResultPath(catcher.ResultPath, place, 'Catch.ResultPath');
  }
  if (state.Type === 'Task') checkTask(place.name, state);
  if (state.Type === 'Map') checkMap(place, state as MapState);
  if (state.Type === 'Wait' && typeof state.Seconds !== 'number') {
    throw new UnsupportedError(`${place.name} has no Seconds, the one way to wait here`);
  }
  if (state.Type === 'Pass' && 'Result' in state && !state.Result) {
    // The interpreter takes it for none.
    throw new UnsupportedError(
      `${place.name} has Result ${JSON.stringify(state.Result)}, which is not rehearsed`,
    );
  }
}

function checkTask(place: string, { Resource, Parameters }: State): void {
  const isOptimised = Resource === 'arn:aws:states:::lambda:invoke';
  const isFunction =
    typeof Resource === 'string' && /^arn:aws:lambda:[^:]*:\d*:function:[^.]+$/.test(Resource);
  if (!isOptimised && !isFunction) {
    throw new UnsupportedError(
      `${place} has Resource ${JSON.stringify(Resource)}; only Lambda functions are rehearsed`,
    );
  }
  if (isOptimised) {
    refuseOthers(
      asFields(Parameters, `${place}’s Parameters`),
      `${place}’s Parameters`,
      invokeFields,
    );
  }
}

function checkMap(place: Place, state: MapState): void {
  const { name } = place;
  for (const field of ['ToleratedFailureCount', 'ToleratedFailurePercentage']) {
    if (state[field] !== undefined && state[field] !== 0) {
      throw new UnsupportedError(`${name} tolerates failures (${field}), which is not rehearsed`);
    }
  }
  const { ProcessorConfig = {} } = state.ItemProcessor as {
    ProcessorConfig?: { Mode?: string; ExecutionType?: string };
  };
  const { Mode = 'INLINE', ExecutionType = 'STANDARD', ...others } = ProcessorConfig;
  refuseOthers(others, `${name}’s ProcessorConfig`, []);
  if (!['INLINE', 'DISTRIBUTED'].includes(Mode)) {
    throw new UnsupportedError(`${name} has the unknown mode ${Mode}`);
  }
  if (ExecutionType !== 'STANDARD') {
    throw new UnsupportedError(`${name} has ${ExecutionType} children, which are not rehearsed`);
  }
  checkMachine(state.ItemProcessor as unknown as Fields, processorFields, {
    name: `${name}’s ItemProcessor`,
    isInline: Mode === 'INLINE',
  });
}

function refuseJsonata({ QueryLanguage }: Fields, place: string): void {
  if (QueryLanguage === undefined || QueryLanguage === 'JSONPath') return;
  throw new UnsupportedError(
    `${place} has QueryLanguage ${JSON.stringify(QueryLanguage)}; only JSONPath is rehearsed`,
  );
}

function refuseOthers(value: Fields, place: string, known: readonly string[]): void {
  const other = Object.keys(value).find((key) => !known.includes(key));
  if (other !== undefined) {
    throw new UnsupportedError(`${place} has ${other}, which is not rehearsed`);
  }
}

function asFields(value: unknown, place: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new UnsupportedError(`${place} must be an object; got ${JSON.stringify(value)}`);
}

function assertTarget(target: unknown, field: string, states: Fields, place: string): void {
  if (typeof target === 'string' && Object.hasOwn(states, target)) return;
  throw new UnsupportedError(
    `${place} has ${field} ${JSON.stringify(target)}, which is none of its states`,
  );
}
