import { InvalidInputError } from '@stepcompute/core';
import ms, { type StringValue } from 'ms';

/**
 * A whole number as people type it: digits, perhaps with a sign or an exponent. Any other text stays
 * text, for the domain to refuse and quote; so no digit is rounded away unseen.
 */
export function parseNumber(text: string): unknown {
  return /^[+-]?\d+(e\+?\d+)?$/i.test(text) ? Number(text) : text;
}

/**
 * A span of time such as `250ms`, `5s`, `10m`, `1.5h`, `2d`; a bare number is milliseconds.
 * @throws InvalidInputError
 */
export function parseDuration(text: string, field: string): number {
  const milliseconds = text === '' || text.length > 100 ? undefined : ms(text as StringValue);
  if (milliseconds === undefined || !(milliseconds >= 0)) {
    throw new InvalidInputError(field, 'a duration such as 500ms, 5s, 10m or 1.5h', text);
  }
  return milliseconds;
}
