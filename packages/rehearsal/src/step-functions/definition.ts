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

/** The fields that each type of state may have; all others are refused, since they would be passed over in silence. */
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
export const mostNameCharacters = 80;

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
 * Checks that a definition can be run as AWS would run it. asl-validator 4.0.0 is no help in it: it lets
 * every retrier, catcher and fraction of a second pass, fails on a state that is null, writes into the
 * definition, and names no value. Tests hold what is accepted here against it.
 * @throws UnsupportedError naming the state and the field
 */
export function parseDefinition(definition: unknown): Definition {
  assertShallow(definition);
  checkMachine(asFields(definition, 'the state machine'), machineFields, {
    name: 'the state machine',
    isInline: false,
  });
  return definition as Definition;
}

function checkMachine(machine: Fields, known: readonly string[], place: Place): void {
  refuseOthers(machine, place.name, known);
  refuseJsonata(machine, place.name);
  assertType(machine.Comment, 'string', `${place.name}’s Comment`);
  assertInteger(machine.TimeoutSeconds, 1, `${place.name}’s TimeoutSeconds`);
  const states = asFields(machine.States, `${place.name}’s States`);
  assertTarget(machine.StartAt, states, `${place.name} has StartAt`);
  for (const [name, state] of Object.entries(states)) {
    if (name.length < 1 || name.length > mostNameCharacters) {
      throw new UnsupportedError(`${place.name} has a state named ${JSON.stringify(name)}`);
    }
    const here = { ...place, name: `state ${name}` };
    checkState(here, asFields(state, here.name) as State, states);
  }
  const reached = reachedFrom(String(machine.StartAt), states);
  const unreached = Object.keys(states).find((name) => !reached.has(name));
  if (unreached !== undefined) {
    throw new UnsupportedError(`state ${unreached} is not reached from ${String(machine.StartAt)}`);
  }
}

/** The states that lead from one to another, which have been checked. */
function reachedFrom(start: string, states: Fields): ReadonlySet<string> {
  const reached = new Set([start]);
  // A set also goes through what is added meanwhile.
  for (const name of reached) {
    const { Next, Default, Catch = [], Choices = [] } = states[name] as Fields;
    const targets = [...(Catch as Fields[]), ...(Choices as Fields[])].map((one) => one.Next);
    for (const target of [Next, Default, ...targets]) {
      if (typeof target === 'string') reached.add(target);
    }
  }
  return reached;
}

function checkState(place: Place, state: State, states: Fields): void {
  const known = Object.hasOwn(fieldsOf, state.Type) ? fieldsOf[state.Type] : undefined;
  if (known === undefined) {
    throw new UnsupportedError(
      `${place.name} is of type ${JSON.stringify(state.Type)}, which is not rehearsed`,
    );
  }
  refuseJsonata(state, place.name);
  refuseOthers(state, place.name, [...known, 'QueryLanguage']);
  assertType(state.Comment, 'string', `${place.name}’s Comment`);
  if (known.includes('Next')) checkFlow(place.name, state, states);
  for (const field of ['InputPath', 'OutputPath', 'ItemsPath']) {
    assertPath(state[field], place, field);
  }
  assertResultPath(state.ResultPath, place, 'ResultPath');
  for (const field of ['Parameters', 'ResultSelector', 'ItemSelector']) {
    if (field in state) asFields(state[field], `${place.name}’s ${field}`);
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
  if (state.Type === 'Wait') {
    if (!('Seconds' in state)) {
      throw new UnsupportedError(`${place.name} has no Seconds, the one way to wait here`);
    }
    assertInteger(state.Seconds, 0, `${place.name}’s Seconds`);
  }
  if (state.Type === 'Pass' && 'Result' in state && !state.Result) {
    // The interpreter takes it for none.
    throw new UnsupportedError(
      `${place.name} has Result ${JSON.stringify(state.Result)}, which is not rehearsed`,
    );
  }
}

function checkFlow(place: string, state: State, states: Fields): void {
  if (!('End' in state)) assertTarget(state.Next, states, `${place} has Next`);
  else if (state.End !== true || 'Next' in state) {
    throw new UnsupportedError(`${place} must have either Next, or End that is true`);
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

function checkTask(place: string, { Resource, Parameters, TimeoutSeconds }: State): void {
  assertInteger(TimeoutSeconds, 1, `${place}’s TimeoutSeconds`);
  const isOptimised =
    typeof Resource === 'string' && /^arn:aws[\w-]*:states:::lambda:invoke$/.test(Resource);
  const isFunction =
    typeof Resource === 'string' &&
    /^arn:aws[\w-]*:lambda:[^:]*:\d*:function:[^.]+$/.test(Resource);
  if (!isOptimised && !isFunction) {
    throw new UnsupportedError(
      `${place} has Resource ${JSON.stringify(Resource)}; only Lambda functions are rehearsed`,
    );
  }
  if (!isOptimised) return;
  const parameters = asFields(Parameters, `${place}’s Parameters`);
  refuseOthers(parameters, `${place}’s Parameters`, invokeFields);
  assertType(parameters.FunctionName, 'string', `${place}’s FunctionName`);
  if (!('FunctionName' in parameters) && !('FunctionName.$' in parameters)) {
    throw new UnsupportedError(`${place}’s Parameters have no FunctionName`);
  }
}

function checkMap(place: Place, state: MapState): void {
  const { name } = place;
  for (const field of ['ToleratedFailureCount', 'ToleratedFailurePercentage']) {
    if (state[field] !== undefined && state[field] !== 0) {
      throw new UnsupportedError(`${name} tolerates failures (${field}), which is not rehearsed`);
    }
  }
  assertInteger(state.MaxConcurrency, 0, `${name}’s MaxConcurrency`);
  assertType(state.Label, 'string', `${name}’s Label`);
  const processor = asFields(state.ItemProcessor, `${name}’s ItemProcessor`);
  const {
    Mode = 'INLINE',
    ExecutionType,
    ...others
  } = asFields(processor.ProcessorConfig ?? {}, `${name}’s ProcessorConfig`);
  refuseOthers(others, `${name}’s ProcessorConfig`, []);
  if (Mode !== 'INLINE' && Mode !== 'DISTRIBUTED') {
    throw new UnsupportedError(`${name} has the unknown mode ${JSON.stringify(Mode)}`);
  }
  if (ExecutionType !== (Mode === 'INLINE' ? undefined : 'STANDARD')) {
    throw new UnsupportedError(
      `${name} has ${JSON.stringify(ExecutionType)} children: those of a Distributed Map are STANDARD here, and an inline one has none`,
    );
  }
  checkMachine(processor, processorFields, {
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

/** Far more than anybody writes, and few enough to go through. */
const mostNested = 200;

/** @throws UnsupportedError for what would be too deep for a recursion */
function assertShallow(definition: unknown): void {
  let level = [definition];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > mostNested) {
      throw new UnsupportedError(`the state machine is nested more than ${mostNested} deep`);
    }
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null ? (Object.values(value) as unknown[]) : [],
    );
  }
}
