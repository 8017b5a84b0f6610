/** One line: a wrong property, as it was given, and as it would be right. */
export function refusal(property: string, expected: string, given: unknown): RangeError {
  return new RangeError(`${property} must be ${expected}; got ${shown(given)}`);
}

function shown(value: unknown): string {
  if (typeof value === 'string') return value === '' ? 'an empty text' : value;
  if (value === undefined) return 'nothing';
  return JSON.stringify(value);
}
