import { Fingerprint } from '../src/run/fingerprint.js';
import { iterationContext } from '../src/simulation/generator.js';
import { RandomStream } from '../src/simulation/random-stream.js';
import {
  defineSimulation,
  parseSimulation,
  type StandardSchema,
} from '../src/simulation/simulation.js';
import { IterationId, Seed } from '../src/run/numbers.js';

const generate = (): number => 1;

describe('a simulation', () => {
  it('is a function, which goes by its name', () => {
    expect(parseSimulation(generate)).toMatchObject({
      name: 'generate',
      generate,
      measures: ['value'],
      fingerprint: {},
    });
    expect(parseSimulation(() => 1).name).toBeUndefined();
  });

  it('is an object, or the module that exports either by default', () => {
    const simulation = { name: 'dice', generate };
    for (const found of [
      simulation,
      { default: simulation },
      { default: { default: simulation } },
    ]) {
      expect(parseSimulation(found, '1.2').name).toBe('dice');
      expect(parseSimulation(found, '1.2').fingerprint).toEqual({ version: '1.2' });
    }
    expect(parseSimulation({ default: generate }).generate).toBe(generate);
  });

  it.each([
    ['nothing', undefined],
    ['a number', 5],
    ['an object without generate', { name: 'x' }],
    ['a module without a default export', { other: generate }],
  ])('is not %s', (_, other) => {
    expect(() => parseSimulation(other)).toThrow(
      'generator must be a function (context) => number, or an object with such a function as generate',
    );
  });

  it('stays as it is when it is checked again', () => {
    const parsed = parseSimulation({ name: 'dice', parameters: { a: 1 }, generate }, '1');
    expect(parseSimulation(parsed)).toBe(parsed);
    expect(parseSimulation(parsed, '2')).toEqual(
      parseSimulation({ name: 'dice', parameters: { a: 1 }, generate }, '2'),
    );
  });

  it('has no field that nothing reads', () => {
    const misspelt = { generate, parameter: { a: 1 } };
    expect(() => parseSimulation(misspelt)).toThrow(
      'simulation must be an object with name, parameters, measures, generate alone; got "parameter"',
    );
  });

  it('takes any parameters when it declares none', async () => {
    const simulation = parseSimulation(generate);
    expect(await simulation.parametersOf(undefined)).toEqual({});
    expect(await simulation.parametersOf({ a: [1] })).toEqual({ a: [1] });
  });

  describe('with defaults', () => {
    const simulation = parseSimulation(
      defineSimulation({
        parameters: {
          strike: 100,
          name: 'call',
          exact: false,
          steps: [1, 2],
          other: { a: 1 },
          any: null,
        },
        generate: ({ parameters }) => parameters.strike,
      }),
    );

    it('fills in those that a run leaves out', async () => {
      expect(await simulation.parametersOf({ strike: 110.5, any: [1] })).toEqual({
        strike: 110.5,
        name: 'call',
        exact: false,
        steps: [1, 2],
        other: { a: 1 },
        any: [1],
      });
    });

    it.each([
      [{ strik: 1 }, 'one of any, exact, name, other, steps, strike; got "strik"'],
      [{ toString: 1 }, 'one of any, exact, name, other, steps, strike; got "toString"'],
      [{ strike: '110' }, 'parameter strike must be a number; got "110"'],
      [{ strike: null }, 'parameter strike must be a number; got null'],
      [{ name: 1 }, 'parameter name must be a text; got 1'],
      [{ exact: 1 }, 'parameter exact must be true or false; got 1'],
      [{ steps: { a: 1 } }, 'parameter steps must be an array; got an object'],
      [{ other: [] }, 'parameter other must be an object; got an array'],
    ])('refuses %j', async (given, message) => {
      await expect(simulation.parametersOf(given)).rejects.toThrow(message);
    });
  });

  it('refuses any parameter when its defaults are none', async () => {
    const simulation = parseSimulation({ parameters: {}, generate });
    await expect(simulation.parametersOf({ a: 1 })).rejects.toThrow(
      'left out: the simulation has none; got "a"',
    );
  });

  describe('with a Standard Schema', () => {
    const schema: StandardSchema<{ strike: number }> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: async (value) => {
          const { strike = 100 } = value as { strike?: unknown };
          return typeof strike === 'number'
            ? { value: { strike: strike * 2 } }
            : { issues: [{ message: 'no number', path: ['strike'] }] };
        },
      },
    };

    it('records what the schema makes of them, or says why it refuses them', async () => {
      const simulation = parseSimulation({ parameters: schema, generate });
      expect(await simulation.parametersOf({})).toEqual({ strike: 200 });
      expect(await simulation.parametersOf({ strike: 1 })).toEqual({ strike: 2 });
      await expect(simulation.parametersOf({ strike: 'x' })).rejects.toThrow(
        'parameter strike must be as the simulation’s schema has it (no number); got "x"',
      );
    });

    it('may be callable, as arktype’s are', async () => {
      const simulation = parseSimulation({ parameters: Object.assign(() => 0, schema), generate });
      expect(await simulation.parametersOf({})).toEqual({ strike: 200 });
    });

    it('refuses what JSON cannot say, though the schema answers with it', async () => {
      const bad = {
        '~standard': { version: 1, vendor: 'x', validate: () => ({ value: { a: new Map() } }) },
      };
      const simulation = parseSimulation({ parameters: bad, generate });
      await expect(simulation.parametersOf({})).rejects.toThrow(
        'parameters, at a, must be a finite number',
      );
    });
  });
});

describe('a context for a test', () => {
  it('is what a run would give', () => {
    const context = iterationContext({ seed: 42, iterationId: 7, parameters: { strike: 110 } });
    expect(context).toMatchObject({
      runId: 1,
      seed: 42,
      iterationId: 7,
      parameters: { strike: 110 },
    });
    const stream = new RandomStream(Seed.parse(42), IterationId.parse(7));
    expect(context.random.uniform()).toBe(stream.uniform());
    expect(context.signal.aborted).toBe(false);
    expect(Object.isFrozen(context.parameters)).toBe(true);
  });

  it('takes random numbers and a signal of the test’s own', () => {
    const random = { ...iterationContext().random, uniform: () => 0.5 } as never;
    const { signal } = new AbortController();
    const context = iterationContext({ random, signal });
    expect(context.random).toBe(random);
    expect(context.signal).toBe(signal);
  });
});

describe('fingerprints', () => {
  it.each<[Fingerprint, Fingerprint, boolean | undefined]>([
    [{ bundle: 'a', files: 'b' }, { bundle: 'a', files: 'c' }, true],
    [{ bundle: 'a', files: 'b' }, { bundle: 'x', files: 'b', bundler: 'later' }, true],
    [{ bundle: 'a', files: 'b' }, { bundle: 'x', files: 'y' }, false],
    [{ bundle: 'a', files: 'b', bundler: 'c' }, { bundle: 'x', files: 'b', bundler: 'c' }, false],
    [{ bundle: 'a', files: 'b', bundler: 'c' }, { bundle: 'x', files: 'y', bundler: 'd' }, false],
    [{ bundle: 'a', bundler: 'c' }, { bundle: 'x', bundler: 'd' }, undefined],
    [{ version: '1', bundle: 'a' }, { version: '2', bundle: 'a' }, true],
    [{ version: '1' }, { version: '1', bundle: 'x' }, true],
    [{ version: '1' }, { version: '2' }, false],
    [{ version: '1' }, { bundle: 'x' }, undefined],
    [{}, {}, undefined],
    [{ bundler: 'a', commit: 'c' }, { bundler: 'a', commit: 'c' }, undefined],
  ])('%j and %j are the same: %s', (a, b, expected) => {
    expect(Fingerprint.areSame(a, b)).toBe(expected);
    expect(Fingerprint.areSame(b, a)).toBe(expected);
  });

  it.each([
    5,
    null,
    '',
    'a\0',
    [],
    { bundle: 5 },
    { isDirty: true, files: '\ud800' },
    { sha: 'a' },
    { isDirty: 'yes' },
  ])('are not %j', (value) => {
    expect(() => Fingerprint.parse(value)).toThrow('simulation version must be');
  });
});
