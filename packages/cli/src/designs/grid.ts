import { InvalidInputError } from '@stepcompute/core';
import { parseScenarioName, refuseCount, refuseRepeatedNames, type Design } from './design.js';

/** A parameter with the values that it takes in a grid, as texts. */
export interface Variation {
  readonly name: string;
  readonly texts: readonly string[];
}

const option = '--vary';
const number = '-?(?:0|[1-9]\\d*)(?:\\.\\d+)?(?:[eE][+-]?\\d{1,3})?';
const numbersWithColons = new RegExp(`^${number}(?::${number})+$`);

/**
 * Parses a variation: `strike=90,100,110`, or `volatility=0.1:0.5:0.1`, which is start, end and step: both
 * ends belong to it where a whole number of steps leads to the end.
 * @param before the others so far
 * @throws InvalidInputError
 */
export function parseVariation(given: string, before: readonly Variation[] = []): Variation {
  const end = given.indexOf('=');
  const name = given.slice(0, Math.max(0, end));
  const values = given.slice(end + 1).trim();
  if (name === '' || values === '') {
    const expected = 'name=value,value,… or name=start:end:step';
    throw new InvalidInputError(option, expected, given);
  }
  if (before.some((other) => other.name === name)) {
    throw new InvalidInputError(option, 'given once for each name', name);
  }
  const texts = numbersWithColons.test(values) ? readRange(values, given) : readList(values, given);
  const repeated = texts.find((text, index) => texts.indexOf(text) < index);
  if (repeated !== undefined) {
    throw new InvalidInputError(`${option} ${name}`, 'values that differ', repeated);
  }
  return { name, texts };
}

function readList(values: string, given: string): readonly string[] {
  const texts = values.split(',').map((text) => text.trim());
  if (texts.includes('')) {
    throw new InvalidInputError(option, 'values with commas between them', given);
  }
  const torn = texts.find((text) => /^["[{]/.test(text) && !isJson(text));
  if (torn !== undefined) {
    const expected = 'values without commas in them (a design file may have others)';
    throw new InvalidInputError(option, expected, given);
  }
  return texts;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function readRange(values: string, given: string): readonly string[] {
  const parts = values.split(':');
  const decimals = Math.max(...parts.map(decimalsOf));
  const [start = 0n, end = 0n, step = 0n, ...more] = parts.map((part) => unitsOf(part, decimals));
  if (parts.length < 3 || more.length > 0 || !parts.every((part) => isFinite(Number(part)))) {
    throw new InvalidInputError(option, 'start:end:step, of finite numbers', given);
  }
  if (step === 0n || (end !== start && step > 0n !== end > start)) {
    throw new InvalidInputError(option, 'a step that leads from the start to the end', given);
  }
  const count = Number((end - start) / step) + 1;
  refuseCount(`${option} ${given}`, count);
  return Array.from({ length: count }, (_, index) =>
    textOf(start + BigInt(index) * step, decimals),
  );
}

/** The places behind the point that a decimal needs: -2 for 1e2. */
function decimalsOf(decimal: string): number {
  const [mantissa = '', exponent = '0'] = decimal.toLowerCase().split('e');
  return (mantissa.split('.')[1] ?? '').length - Number(exponent);
}

/** A decimal as a whole number of 10^-decimals, exactly: a sum of doubles would come to 0.30000000000000004. */
function unitsOf(decimal: string, decimals: number): bigint {
  const [mantissa = ''] = decimal.toLowerCase().split('e');
  return BigInt(mantissa.replace('.', '')) * 10n ** BigInt(decimals - decimalsOf(decimal));
}

/** The shortest decimal of the double that is nearest; of whole numbers all digits. */
function textOf(units: bigint, decimals: number): string {
  const decimal = `${units}e${-decimals}`;
  return decimals > 0 ? String(Number(decimal)) : String(units * 10n ** BigInt(-decimals));
}

/**
 * The full grid, a scenario for each combination: the last variation varies fastest.
 * @param variations one or more
 * @throws InvalidInputError when there are too many
 */
export function gridOf(variations: readonly Variation[]): Design {
  const count = variations.reduce((product, { texts }) => product * texts.length, 1);
  refuseCount(option, count);
  let points: (readonly { readonly name: string; readonly text: string }[])[] = [[]];
  for (const { name, texts } of variations) {
    points = points.flatMap((point) => texts.map((text) => [...point, { name, text }]));
  }
  const rows = points.map((texts) => {
    const name = texts.map((each) => `${each.name}=${each.text}`).join();
    return { name: parseScenarioName(name, option), place: option, texts };
  });
  return refuseRepeatedNames(rows);
}
