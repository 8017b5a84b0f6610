import { UnsupportedError } from '../service-error.js';
import { asFields, asList, assertTarget, assertType, refuseOthers, type Fields } from './fields.js';
import { assertPath, type Place } from './paths.js';

/** The values that a comparison may compare with; times, patterns and paths are not rehearsed. */
const comparators: Readonly<Record<string, 'string' | 'number' | 'boolean'>> = {
  BooleanEquals: 'boolean',
  NumericEquals: 'number',
  NumericGreaterThan: 'number',
  NumericGreaterThanEquals: 'number',
  NumericLessThan: 'number',
  NumericLessThanEquals: 'number',
  StringEquals: 'string',
  IsBoolean: 'boolean',
  IsNull: 'boolean',
  IsNumeric: 'boolean',
  IsPresent: 'boolean',
  IsString: 'boolean',
};
const combiners = ['And', 'Or', 'Not'];

/** @throws UnsupportedError unless a Choice state's rules can be run as AWS would run them */
export function assertChoices(choices: unknown, place: Place, states: Fields): void {
  for (const choice of asList(choices, `${place.name}’s Choices`)) {
    const { Next, Comment, ...rule } = asFields(choice, `${place.name}’s choice`);
    assertTarget(Next, states, `${place.name} has Choices.Next`);
    assertType(Comment, 'string', `${place.name}’s Choices.Comment`);
    assertRule(rule, place);
  }
}

function assertRule(rule: Fields, place: Place): void {
  const { And, Or, Not, Variable, ...comparison } = rule;
  const [operator, ...others] = Object.keys(rule).filter((key) => key !== 'Variable');
  if (operator === undefined || others.length > 0) {
    throw new UnsupportedError(
      `${place.name} has a choice that needs one comparison; got ${JSON.stringify(rule)}`,
    );
  }
  if (combiners.includes(operator)) {
    refuseOthers(rule, `${place.name}’s ${operator}`, combiners);
    const rules = operator === 'Not' ? [Not] : asList(And ?? Or, `${place.name}’s ${operator}`);
    for (const one of rules) assertRule(asFields(one, `${place.name}’s ${operator}`), place);
    return;
  }
  refuseOthers(comparison, `${place.name}’s choice`, Object.keys(comparators));
  assertPath(Variable ?? '', place, 'Variable');
  assertType(comparison[operator], comparators[operator]!, `${place.name}’s ${operator}`);
}

/**
 * A rule as the interpreter gets it, which compares what is no number as JavaScript does, and takes
 * `"IsPresent": false` and the like for a rule that never holds.
 */
export function interpretedRule(rule: Fields): Fields {
  const { And, Or, Not, Variable } = rule;
  const all = (rules: unknown): Fields[] => (rules as readonly Fields[]).map(interpretedRule);
  if (And !== undefined) return { ...rule, And: all(And) };
  if (Or !== undefined) return { ...rule, Or: all(Or) };
  if (Not !== undefined) return { ...rule, Not: interpretedRule(Not as Fields) };
  const { Next, ...comparison } = rule;
  const next = Next === undefined ? {} : { Next };
  const operator = Object.keys(comparators).find((name) => name in rule) ?? '';
  if (operator.startsWith('Is') && rule[operator] === false) {
    return { ...next, Not: { Variable, [operator]: true } };
  }
  if (operator.startsWith('Numeric')) {
    return { ...next, And: [{ Variable, IsNumeric: true }, comparison] };
  }
  return rule;
}
