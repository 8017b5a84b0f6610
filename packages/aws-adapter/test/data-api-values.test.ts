import { toParameter, toRow } from '../src/data-api-values.js';

describe('a parameter', () => {
  it.each([
    [5, { longValue: 5 }],
    [-0, { longValue: 0 }],
    [Number.MAX_SAFE_INTEGER, { longValue: Number.MAX_SAFE_INTEGER }],
    [0.1, { doubleValue: 0.1 }],
    [1e21, { doubleValue: 1e21 }],
    ['x', { stringValue: 'x' }],
    [true, { booleanValue: true }],
    [null, { isNull: true }],
    [undefined, { isNull: true }],
  ])('%p is sent as what it is', (value, field) => {
    expect(toParameter('p1', value)).toEqual({ name: 'p1', value: field });
  });

  it('that is a moment is sent in UTC', () => {
    expect(toParameter('p1', new Date('2026-11-24T05:06:07.089Z'))).toEqual({
      name: 'p1',
      value: { stringValue: '2026-11-24 05:06:07.089' },
      typeHint: 'TIMESTAMP',
    });
  });

  it.each([[NaN], [Infinity], [{}], [[1]], [5n]])('%p is refused', (value) => {
    expect(() => toParameter('p1', value)).toThrow(
      expect.objectContaining({ name: 'PersistenceError', retryable: false }) as Error,
    );
  });
});

it('a row has its values by its columns’ names, and its moments as such', () => {
  const row = toRow(
    [
      { longValue: 1 },
      { doubleValue: 0.5 },
      { isNull: true },
      { stringValue: '2026-11-24 05:06:07.089' },
      { stringValue: 'text' },
      { booleanValue: false },
    ],
    [
      { label: 'a', typeName: 'int4' },
      { label: 'b', typeName: 'float8' },
      { label: 'c', typeName: 'text' },
      { label: 'd', typeName: 'timestamptz' },
      { label: 'e', typeName: 'text' },
      { label: 'f', typeName: 'bool' },
    ],
  );
  expect(row).toEqual({
    a: 1,
    b: 0.5,
    c: null,
    d: new Date('2026-11-24T05:06:07.089Z'),
    e: 'text',
    f: false,
  });
});
