import { Token, type Duration } from 'aws-cdk-lib';
import { refusal } from './refusal.js';

/**
 * A kind of value. TypeScript holds its users to the same; an app in JavaScript is told here.
 * @throws RangeError in one line that names the property
 */
export type Kind = (property: string, value: unknown) => void;

/** The kind of each property, so that none is left out. */
export type Kinds<Props> = { readonly [Name in keyof Props]-?: Kind };

/** @param expected completes "must be" */
export function kind(expected: string, accepts: (value: unknown) => boolean): Kind {
  return (property, value) => {
    if (!accepts(value)) throw refusal(property, expected, value);
  };
}

/** An object of CDK's, told by a member that all of its kind have: an app may have two copies of CDK. */
export function withMember(member: string, expected: string): Kind {
  return kind(expected, (value) => isObject(value) && member in value);
}

export function oneOf(...allowed: readonly (string | boolean)[]): Kind {
  return kind(allowed.join(' or '), (value) => (allowed as readonly unknown[]).includes(value));
}

export function listOf(each: Kind): Kind {
  return (property, value) => {
    if (!Array.isArray(value)) throw refusal(property, 'a list', value);
    for (const item of value) each(property, item);
  };
}

/** An object of these properties and no others, any of which may be undefined. */
export function objectOf<Props>(kinds: Kinds<Props>): Kind {
  return (property, value) => {
    if (!isObject(value)) throw refusal(property, 'an object', value);
    refuseWrongProps(value, kinds, `${property} `);
  };
}

export const text = kind('a text', (value) => typeof value === 'string');
/** Its range is told where it is known. */
export const number: Kind = (property, value) => {
  if (typeof value === 'number') return;
  throw refusal(property, 'a number', typeof value === 'string' ? `the text ${value}` : value);
};
export const plainObject = kind('an object', isObject);
export const boolean = oneOf(true, false);

/** A Duration that is known at synthesis, in whole milliseconds. */
export const duration = durationOf('milliseconds', 1);
export const wholeSeconds = durationOf('seconds', 1000);

function durationOf(unit: string, ms: number): Kind {
  return (property, value) => {
    const isDuration = isObject(value) && 'toMilliseconds' in value && 'isUnresolved' in value;
    if (!isDuration || (value as Duration).isUnresolved()) {
      throw refusal(property, 'a Duration, as Duration.minutes(10)', value);
    }
    const given = value as Duration;
    if (Number.isInteger(given.toMilliseconds({ integral: false }) / ms)) return;
    throw refusal(property, `whole ${unit}`, `${given.toMilliseconds({ integral: false })} ms`);
  };
}

/** An object of CDK's whose ARN or identifier, where it is known at synthesis, is of this form. */
export function withName(member: string, form: RegExp, expected: string): Kind {
  return (property, value) => {
    withMember(member, expected)(property, value);
    const name = (value as Readonly<Record<string, unknown>>)[member];
    if (!Token.isUnresolved(name) && !(typeof name === 'string' && form.test(name))) {
      throw refusal(property, expected, name);
    }
  };
}

export const vpc = withMember('vpcId', 'a Vpc, as Vpc.fromLookup finds one');
export const securityGroups = listOf(
  withMember('securityGroupId', 'SecurityGroups, as SecurityGroup.fromSecurityGroupId has one'),
);
export const secret = withName(
  'secretArn',
  /^arn:[\w-]+:secretsmanager:/,
  'a Secret, as Secret.fromSecretCompleteArn has one',
);

/**
 * @param names what comes before a property's name in a refusal
 * @throws RangeError naming the first property that is unknown, or of another kind
 */
export function refuseWrongProps<Props>(props: unknown, kinds: Kinds<Props>, names = ''): void {
  if (!isObject(props)) throw refusal('properties', 'an object', props);
  const known = Object.keys(kinds);
  for (const [name, value] of Object.entries(props)) {
    if (!Object.hasOwn(kinds, name))
      throw refusal(`${names}properties`, `among ${known.join(', ')}`, name);
    if (value !== undefined) kinds[name as keyof Props](`${names}${name}`, value);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
