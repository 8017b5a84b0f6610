/** One line: a wrong property, as it was given, and as it would be right. */
export function refusal(property: string, expected: string, given: unknown): RangeError {
  return new RangeError(`${property} must be ${expected}; got ${shown(given)}`);
}

function shown(value: unknown): string {
  if (typeof value === 'string') return value === '' ? 'an empty text' : value;
  if (value === undefined) return 'nothing';
  if (typeof value === 'function') return `the function ${value.name}`;
  // A construct knows all of its app.
  return (
    nameOfClass(value) ?? JSON.stringify(value, (_, each: unknown) => nameOfClass(each) ?? each)
  );
}

function nameOfClass(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { constructor } = value;
  return [Object, Array, undefined].includes(constructor as never) ? undefined : constructor.name;
}
