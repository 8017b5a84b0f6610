import { longestTimerMs } from '../timer.js';
import { interpretedRule } from './choice-rules.js';
import { mostNameCharacters, type Definition, type Retrier, type State } from './definition.js';
import type { Fields } from './fields.js';

/** The interpreter takes a Map for a task that is given its items and runs them. */
const mapResource = 'arn:aws:lambda:us-east-1:123456789012:function:map';

/** The interpreter sets one timer for each wait, time-out and interval. */
const longestSeconds = Math.floor(longestTimerMs / 1000);

/**
 * The definition as the interpreter gets it: waits and retry intervals in rehearsed time, and Maps as
 * tasks, since it runs no children of its own and shares one context between a Map's iterations.
 */
export function toInterpreted(definition: Definition, timeScale: number): Definition {
  const states = Object.entries(definition.States).flatMap(([name, state]) =>
    inParts(name, interpretedState(state, timeScale)),
  );
  // How long an execution may take is kept by the execution itself.
  return {
    StartAt: definition.StartAt,
    States: Object.fromEntries(states),
  };
}

/** Leads to the state that a redrive goes on with: no state of a definition has this name. */
const leadingIn = '';

/**
 * The definition, for the interpreter, that goes on with a state. Its input is another state's
 * result, since what the interpreter itself is given is the execution's input.
 */
export function continuedAt(
  { States }: Definition,
  { name, input }: { readonly name: string; readonly input: unknown },
): Definition {
  const lead = { Type: 'Pass', Result: { input }, OutputPath: '$.input', Next: name };
  return { StartAt: leadingIn, States: { ...States, [leadingIn]: lead } };
}

function interpretedState(state: State, timeScale: number): State {
  const { Seconds, TimeoutSeconds = longestSeconds, Retry, Catch } = state;
  // The interpreter gives a task a minute unless it is told otherwise.
  const timeout = { TimeoutSeconds: Math.min(Number(TimeoutSeconds), longestSeconds) };
  const scaled: State = {
    ...withoutWhole(state),
    ...(typeof Seconds === 'number' && { Seconds: Seconds / timeScale }),
    ...(Retry && { Retry: Retry.map((retrier) => scaledRetrier(retrier, timeScale)) }),
    ...(Catch !== undefined && { Catch: (Catch as readonly Fields[]).map(withoutWhole) }),
  };
  // The interpreter has words of its own for what a Fail state doesn't say.
  if (state.Type === 'Fail') return { Error: '', Cause: '', ...state };
  if (state.Type === 'Choice') {
    return { ...state, Choices: (state.Choices as readonly Fields[]).map(interpretedRule) };
  }
  if (state.Type === 'Task') return { ...scaled, ...timeout };
  if (state.Type !== 'Map') return scaled;
  return {
    ...Object.fromEntries(Object.entries(scaled).filter(([field]) => !mapFields.includes(field))),
    Type: 'Task',
    ...timeout,
    Resource: mapResource,
    Parameters: { 'items.$': state.ItemsPath ?? '$', 'input.$': '$' },
  };
}

/**
 * A wait that is longer than a timer, as several of them in a row. The first has the state's name, and
 * is all of them that goes on record; no state of a definition has a name as long as the others'.
 */
function inParts(name: string, state: State): [string, State][] {
  const { Type, Seconds, Next, End, ...others } = state;
  if (Type !== 'Wait' || Number(Seconds) <= longestSeconds) return [[name, state]];
  const rest = `${name.padEnd(mostNameCharacters)}+`;
  return [
    [name, { Type, Seconds: longestSeconds, Next: rest, ...others }],
    ...inParts(rest, {
      Type,
      Seconds: Number(Seconds) - longestSeconds,
      ...(End === undefined ? { Next } : { End }),
    }),
  ];
}

/** A Map has these, and a task has not. */
const mapFields = ['ItemProcessor', 'ItemsPath', 'ItemSelector', 'MaxConcurrency', 'Label'];

/** `$`, all of it, is what results replace anyway; the interpreter would make a member of that name. */
function withoutWhole<T extends Fields>(fields: T): T {
  if (fields.ResultPath !== '$') return fields;
  return Object.fromEntries(Object.entries(fields).filter(([key]) => key !== 'ResultPath')) as T;
}

function scaledRetrier(retrier: Retrier, timeScale: number): Retrier {
  const { IntervalSeconds = 1, MaxDelaySeconds = Infinity } = retrier;
  return {
    ...retrier,
    IntervalSeconds: IntervalSeconds / timeScale,
    MaxDelaySeconds: Math.min(MaxDelaySeconds / timeScale, longestSeconds),
  };
}
