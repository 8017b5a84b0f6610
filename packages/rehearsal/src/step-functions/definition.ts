import { UnsupportedError } from '../service-error.js';
import { assertChoices } from './choice-rules.js';
import {
  asFields,
  asList,
  assertInteger,
  assertTarget,
  assertType,
  refuseOthers,
  type Fields,
} from './fields.js';
import { assertPath, assertResultPath, assertTemplate, type Place } from './paths.js';

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
  Fail: ['Type', 'Comment', 'Error', 'ErrorPath', 'Cause', 'CausePath'],
  Choice: ['Type', 'Comment', ...paths, 'Choices', 'Default'],
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
  assertTarget(machine.StartAt, states, `${place.name} has StartAt`);
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
    assertTarget(state.Next, states, `${place.name} has Next`);
  }
  for (const field of ['InputPath', 'OutputPath', 'ItemsPath']) {
    assertPath(state[field], place, field);
  }
  assertResultPath(state.ResultPath, place, 'ResultPath');
  for (const field of ['Parameters', 'ResultSelector', 'ItemSelector']) {
    assertTemplate(state[field], place, field);
  }
  for (const retrier of checkHandlers(place, state, 'Retry', retrierFields)) {
    checkRetrier(`${place.name}’s Retry`, retrier);
  }
  for (const catcher of checkHandlers(place, state, 'Catch', catcherFields)) {
    assertTarget(catcher.Next, states, `${place.name} has Catch.Next`);
    assertResultPath(catcher.ResultPath, place, 'Catch.ResultPath');
  }
  if (state.Type === 'Choice') {
    assertChoices(state.Choices, place, states);
    if ('Default' in state) assertTarget(state.Default, states, `${place.name} has Default`);
  }
  if (state.Type === 'Fail') checkFail(place, state);
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

/** Retriers and catchers: which errors they are for. */
function checkHandlers(
  { name }: Place,
  state: State,
  field: 'Retry' | 'Catch',
  known: readonly string[],
): readonly Fields[] {
  const place = `${name}’s ${field}`;
  if (state[field] === undefined) return [];
  const handlers = asList(state[field], place).map((handler) => asFields(handler, place));
  for (const [index, handler] of handlers.entries()) {
    refuseOthers(handler, place, known);
    const names = asList(handler.ErrorEquals, `${place}’s ErrorEquals`);
    for (const one of names) assertType(one ?? null, 'string', `${place}’s ErrorEquals`);
    const isLast = index === handlers.length - 1;
    if (names.includes('States.ALL') && (names.length > 1 || !isLast)) {
      throw new UnsupportedError(`${place} has States.ALL, which stands alone and comes last`);
    }
  }
  return handlers;
}

function checkRetrier(place: string, retrier: Fields): void {
  assertInteger(retrier.IntervalSeconds, 1, `${place}’s IntervalSeconds`);
  assertInteger(retrier.MaxAttempts, 0, `${place}’s MaxAttempts`);
  assertInteger(retrier.MaxDelaySeconds, 1, `${place}’s MaxDelaySeconds`);
  const { BackoffRate = 2, JitterStrategy = 'NONE' } = retrier;
  if (!(typeof BackoffRate === 'number' && BackoffRate >= 1)) {
    throw new UnsupportedError(`${place}’s BackoffRate must be a number of 1 or more`);
  }
  if (JitterStrategy !== 'NONE' && JitterStrategy !== 'FULL') {
    throw new UnsupportedError(`${place}’s JitterStrategy must be FULL or NONE`);
  }
}

function checkFail(place: Place, state: State): void {
  for (const field of ['Error', 'Cause']) {
    const path = `${field}Path`;
    if (field in state && path in state) {
      throw new UnsupportedError(`${place.name} has ${field} and ${path}, of which there is one`);
    }
    assertType(state[field], 'string', `${place.name}’s ${field}`);
    if (path in state) assertPath(state[path] ?? '', place, path);
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
