import vm from 'node:vm';
import fc from 'fast-check';
import { RunParameters } from '../src/run/parameters.js';

const deep = (levels: number): unknown =>
  levels === 0 ? 1 : levels % 2 === 0 ? [deep(levels - 1)] : { a: deep(levels - 1) };

describe('parameters', () => {
  it('have one text, whatever the order they were given in', () => {
    const text = RunParameters.text(
      RunParameters.parse({ b: { z: 1, a: [true, null] }, a: -0, B: 'é' }),
    );
    expect(text).toBe('{"B":"é","a":0,"b":{"a":[true,null],"z":1}}');
    expect(RunParameters.text(RunParameters.fromText(text))).toBe(text);
  });

  it('are frozen throughout, and apart from what was given', () => {
    const given = { list: [{ a: 1 }] };
    const parsed = RunParameters.parse(given) as unknown as typeof given;
    expect(parsed).toEqual(given);
    given.list[0]!.a = 2;
    expect(parsed.list[0]!.a).toBe(1);
    for (const part of [parsed, parsed.list, parsed.list[0]])
      expect(Object.isFrozen(part)).toBe(true);
  });

  it('are what JSON says of them', () => {
    const named = fc.dictionary(fc.stringMatching(/^[A-Za-z]\w{0,9}$/), fc.jsonValue(), {
      maxKeys: 4,
    });
    fc.assert(
      fc.property(named, (given) => {
        const expected = JSON.parse(JSON.stringify(given)) as unknown;
        fc.pre(
          JSON.stringify(given).length < 8000 && !/\\u(0000|d[89ab])/i.test(JSON.stringify(given)),
        );
        expect(JSON.parse(RunParameters.text(RunParameters.parse(given)))).toEqual(expected);
      }),
    );
  });

  it('keep a field whose name a prototype has', () => {
    const given = JSON.parse('{"constructor":1,"a":{"__proto__":{"x":1}}}') as object;
    expect(RunParameters.text(RunParameters.parse(given))).toBe(
      '{"a":{"__proto__":{"x":1}},"constructor":1}',
    );
  });

  it('leave out a field that is undefined', () => {
    expect(RunParameters.parse({ a: undefined, b: { c: undefined } })).toEqual({ b: {} });
  });

  it('may come from another realm', () => {
    expect(RunParameters.parse(vm.runInNewContext('({ a: { b: [1] } })'))).toEqual({
      a: { b: [1] },
    });
  });

  it.each<[string, unknown, string]>([
    ['no object', 5, 'parameters must be an object; got 5'],
    ['nothing', null, 'parameters must be an object; got null'],
    ['a list', [1], 'parameters must be an object; got an array'],
    ['a date', new Date(0), 'parameters must be an object; got an object'],
    [
      'a map',
      { a: new Map() },
      'parameters, at a, must be a finite number, a text, true, false, null',
    ],
    ['NaN', { a: [1, NaN] }, 'parameters, at a[1], must be a finite number'],
    ['an infinity', { a: { b: -Infinity } }, 'parameters, at a.b, must be a finite number'],
    ['a bigint', { a: 1n }, 'null, or an array or object of these; got 1n'],
    ['a function', { a: () => 1 }, 'got a function'],
    ['a hole in a list', { a: [1, , 2] }, 'parameters, at a[1], must be'],
    ['half a surrogate pair', { a: 'x\ud800' }, 'parameters, at a, must be well-formed text'],
    [
      'half a pair in a name',
      { a: { 'x\udc00': 1 } },
      'parameters, at a, must be well-formed text',
    ],
    ['NUL', { a: '\0' }, 'well-formed text without NUL characters'],
    [
      'a name with a space',
      { 'a b': 1 },
      'a parameter’s name must be a letter, then letters, digits or _',
    ],
    ['a name that begins with a digit', { '1a': 1 }, 'got "1a"'],
    ['a name of 64 characters', { ['n'.repeat(64)]: 1 }, 'at most 63 characters in all'],
    ['a depth of 34', { a: deep(33) }, 'at most 32 deep'],
    [
      '16 KiB and a byte',
      { a: 'x'.repeat(16_384 - 7) },
      'parameters must be at most 16384 bytes of JSON',
    ],
    ['as much in empty lists', { a: new Array(6000).fill([]) }, 'parameters must be at most 16384'],
    [
      'as much in empty objects',
      { a: new Array(6000).fill({}) },
      'parameters must be at most 16384',
    ],
    [
      'as much in other letters',
      { a: 'é'.repeat(8_190) },
      'parameters must be at most 16384 bytes',
    ],
  ])('are refused with %s', (_, given, message) => {
    expect(() => RunParameters.parse(given)).toThrow(message);
  });

  it('may be of the greatest depth and length, and have the longest name', () => {
    expect(RunParameters.parse({ a: deep(31) })).toBeDefined();
    const longest = { a: 'x'.repeat(16_384 - 8) };
    expect(RunParameters.text(RunParameters.parse(longest))).toHaveLength(16_384);
    expect(RunParameters.parse({ ['n'.repeat(63)]: 1 })).toBeDefined();
  });

  it('end soon when they contain themselves', () => {
    const given: Record<string, unknown> = {};
    given.self = given;
    expect(() => RunParameters.parse(given)).toThrow('at most 32 deep');
  });
});
