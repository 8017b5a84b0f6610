import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { InvalidInputError } from '@stepcompute/core';
import { parseSimulation } from '@stepcompute/core/adapters';
import { times } from '../../../testing/exhaustive.js';
import { scenariosOf, type Scenario } from '../src/designs/design.js';
import { designOf } from '../src/designs/design-file.js';
import { gridOf, parseVariation, type Variation } from '../src/designs/grid.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stepcompute-designs-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const anything = parseSimulation(() => 0);
const option = parseSimulation({
  parameters: { strike: 100, volatility: 0.2, style: 'european', barrier: null },
  generate: () => 0,
});

/** The scenarios of a file of this name and content. */
async function read(
  name: string,
  content: string | Uint8Array,
  simulation = anything,
): Promise<readonly Scenario[]> {
  const file = join(folder, name);
  writeFileSync(file, content);
  return scenariosOf(await designOf(file, []), simulation);
}

/** The message of the error with which a file is refused, from its name on. */
async function refusal(
  name: string,
  content: string | Uint8Array,
  simulation = anything,
): Promise<string> {
  try {
    await read(name, content, simulation);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidInputError);
    return (error as Error).message.replaceAll(`${folder}/`, '');
  }
  throw new Error('it is accepted');
}

describe('a design in a file', () => {
  const rows = [
    { name: 'base', parameters: { strike: 90, style: '12' } },
    { name: 'a "high", one', parameters: { strike: 110, volatility: 0.3, style: 'two\nlines' } },
    { name: 'defaults', parameters: {} },
  ];

  it('of CSV has a row for each scenario, of which empty cells are left to the simulation', async () => {
    const csv = [
      'strike,name,volatility,style',
      '90,base,,12',
      '110,"a ""high"", one",0.3,"two\nlines"',
      '',
      ',defaults,,""',
    ];
    for (const end of ['\n', '\r\n', '\r']) {
      for (const mark of ['', '\u{feff}']) {
        const text = mark + csv.join('\n').replaceAll('\n', end);
        expect(await read('design.csv', text, option)).toEqual(rows);
        expect(await read('design.CSV', text + end + end, option)).toEqual(rows);
      }
    }
    // Of lines that end in different ways, too.
    expect(await read('design.csv', 'name,strike\na,1\r\nb,2\rc,3')).toEqual([
      { name: 'a', parameters: { strike: 1 } },
      { name: 'b', parameters: { strike: 2 } },
      { name: 'c', parameters: { strike: 3 } },
    ]);
  });

  it('of CSV has cells of JSON where they can be, and of text where the default is one', async () => {
    const csv = 'name,strike,style,barrier\nNaN,1e2,[1],"[1,{""a"":null}]"\n1,-0.5,true,up';
    expect(await read('design.csv', csv, option)).toEqual([
      { name: 'NaN', parameters: { strike: 100, style: '[1]', barrier: [1, { a: null }] } },
      { name: '1', parameters: { strike: -0.5, style: 'true', barrier: 'up' } },
    ]);
  });

  it('of JSON or YAML has an array of them', async () => {
    const entries = rows.map(({ name, parameters }) => ({ name, ...parameters }));
    expect(await read('design.json', JSON.stringify(entries), option)).toEqual(rows);
    expect(await read('design.json', `\u{feff}${JSON.stringify(entries, null, '\t')}`)).toEqual(
      rows,
    );
    expect(await read('design.yaml', stringify(entries), option)).toEqual(rows);
    expect(await read('design.yml', JSON.stringify(entries), option)).toEqual(rows);
  });

  it('of YAML has the types of its core schema, and aliases', async () => {
    const yaml = [
      '# Commented',
      '- &base { name: yes, a: yes, b: 0x1F, c: 1e3, d: ~, e: 2020-01-01, f: !!str 5 }',
      '- name: "no"',
      '  rates: &rates [0.1, 0.2]',
      ...Array.from({ length: 200 }, (_, index) => `- { name: n${index}, rates: *rates }`),
    ].join('\n');
    const [first, ...others] = await read('design.yaml', yaml);
    const parameters = { a: 'yes', b: 31, c: 1000, d: null, e: '2020-01-01', f: '5' };
    expect(first).toEqual({ name: 'yes', parameters });
    expect(others).toHaveLength(201);
    for (const other of others) expect(other.parameters).toEqual({ rates: [0.1, 0.2] });
  });

  it('gives its scenarios what is common to all, unless they have their own', async () => {
    const file = join(folder, 'design.csv');
    writeFileSync(file, 'name,strike\na,90\nb,');
    expect(await scenariosOf(await designOf(file, []), option, { strike: 1, style: 'x' })).toEqual([
      { name: 'a', parameters: { strike: 90, style: 'x' } },
      { name: 'b', parameters: { strike: 1, style: 'x' } },
    ]);
  });

  it('is read by a simulation with a schema as it was written, not as the schema answers', async () => {
    const schema = {
      '~standard': {
        version: 1 as const,
        vendor: 'test',
        validate: (value: unknown) =>
          (value as { rate?: number }).rate === -1
            ? { issues: [{ message: 'no rate', path: ['rate'] }] }
            : { value: { twice: 2 } },
      },
    };
    const simulation = parseSimulation({ parameters: schema, generate: () => 0 });
    expect(await read('design.csv', 'name,rate\na,1', simulation)).toEqual([
      { name: 'a', parameters: { rate: 1 } },
    ]);
    expect(await refusal('design.csv', 'name,rate\na,-1', simulation)).toBe(
      'design.csv, line 2, scenario "a": parameter rate must be as the simulation’s schema has it (no rate); got -1',
    );
  });

  it.each([
    ['', 'design.csv must be of a header and rows; got ""'],
    ['\n\n', 'design.csv must be of a header and rows'],
    ['name,strike', 'design.csv must be of 1 to 1000 scenarios; got 0'],
    [
      'strike\n90',
      'line 1: the header must be of a column name and one for each parameter, with commas between; got "strike"',
    ],
    [
      'name;strike\na;90',
      'line 1: the header must be of a column name and one for each parameter, with commas between; got',
    ],
    [
      '\nname,\na,',
      'line 2: the header must be of a column name and one for each parameter, with commas between; got "name,"',
    ],
    ['name,x,x\na,1,2', 'line 1: the header must be of columns that differ; got "x"'],
    ['name,x\na,1\n\nb', 'design.csv, line 4 must be of 2 cells, as the header is; got 1'],
    ['name,x\na,"1\n2"\nc,1,2', 'design.csv, line 4 must be of 2 cells, as the header is; got 3'],
    ['name,x\na,1\nb,"2', 'design.csv, line 3 must be of CSV (Quoted field unterminated)'],
    [
      'name,x\na,"1"2\n',
      'design.csv, line 2 must be of CSV (Trailing quote on quoted field is malf',
    ],
    [
      'name,x\na,1\nb,2\na,3',
      'line 4: the scenario’s name must be another than that of design.csv, li',
    ],
    ['name,x\n,1', 'line 2: the scenario’s name must be a text of 1 to 100 characters'],
    [
      `name\n${'n'.repeat(101)}`,
      'line 2: the scenario’s name must be a text of 1 to 100 characters',
    ],
    ['name\na\0b', 'line 2: the scenario’s name must be well-formed text without NUL characters'],
    ['name\n"a\nb"', 'line 2: the scenario’s name must be a text without control characters'],
    [
      'name,x\na,12345678901234567890',
      'scenario "a": parameter x must be without an integer that a d',
    ],
    [
      'name,x\na,"{""b"":1,""b"":2}"',
      'scenario "a": parameter x must be with each name once; got "b"',
    ],
    ['name,x y\na,1', 'line 2, scenario "a": a parameter’s name must be a letter, then letters'],
    [
      'name,__proto__\na,1',
      'line 2, scenario "a": a parameter’s name must be a letter, then letters',
    ],
  ])('of CSV, %j, is refused: %s', async (content, expected) => {
    expect(await refusal('design.csv', content)).toContain(expected);
  });

  it.each([
    ['[]', 'design.json must be of 1 to 1000 scenarios; got 0'],
    ['{"a":{}}', 'design.json must be an array of scenarios, each with a name; got an object'],
    ['', 'the design must be a file of JSON (Unexpected end of JSON input); got "design.json"'],
    ['[{"name":"a"},]', 'the design must be a file of JSON ('],
    ['[{"name":"a"},["b"]]', 'entry 2 must be an object of a name and parameters; got an array'],
    ['[{"x":1}]', 'entry 1: the scenario’s name must be a text of 1 to 100 characters'],
    ['[{"name":1}]', 'entry 1: the scenario’s name must be a text of 1 to 100 characters'],
    ['[{"name":"\\ud800"}]', 'entry 1: the scenario’s name must be well-formed text without NUL'],
    ['[{"name":"a"},{"name":"a"}]', 'entry 2: the scenario’s name must be another than that of'],
    [
      '[{"name":"a","x":1,"\\u0078":2}]',
      'the design design.json must be with each name once; got "x"',
    ],
    ['[{"name":"a","x":9007199254740993}]', 'must be without an integer that a double rounds'],
    [
      '[{"name":"a","x":1e999}]',
      'entry 1, scenario "a": parameters, at x, must be a finite number',
    ],
    ['[{"name":"a","__proto__":{}}]', 'entry 1, scenario "a": a parameter’s name must be a letter'],
  ])('of JSON, %j, is refused: %s', async (content, expected) => {
    expect(await refusal('design.json', content)).toContain(expected);
  });

  it.each([
    ['', 'design.yaml must be an array of scenarios, each with a name; got null'],
    ['a: {}', 'design.yaml must be an array of scenarios, each with a name; got an object'],
    ['a: *b', 'the design must be a file of YAML 1.2 (Unresolved alias'],
    ['- name: a\n- b', 'design.yaml, line 2 must be an object of a name and parameters; got "b"'],
    ['- name: a\n- name: 12', 'line 2: the scenario’s name must be a text of 1 to 100 characters'],
    [
      '- name: a\n\n- name: a',
      'line 3: the scenario’s name must be another than that of design.yaml, ',
    ],
    [
      '- name: a\n  x: 1\n  x: 2',
      'line 3 must be of YAML 1.2’s core schema (Map keys must be unique)',
    ],
    ['- name: a\n\tx: 1', 'design.yaml, line 2 must be of YAML 1.2’s core schema ('],
    ['- name: !mine a', 'line 1 must be of YAML 1.2’s core schema (Unresolved tag: !mine)'],
    ['- name: a\n  x: !!binary aGk=', 'line 2 must be of YAML 1.2’s core schema (Unresolved tag'],
    [
      '- name: a\n---\n- name: b',
      'line 2 must be of YAML 1.2’s core schema (Source contains multi',
    ],
    ['- name: a\n  x: 9007199254740993', 'line 2 must be without an integer that a double rounds'],
    ['- name: a\n  x: .inf', 'line 1, scenario "a": parameters, at x, must be a finite number'],
    ['- name: a\n  <<: {}', 'line 1, scenario "a": a parameter’s name must be a letter'],
    ['- name: a\n  ? [b]\n  : 1', 'line 1, scenario "a": a parameter’s name must be a letter'],
    ['- &a\n  name: a\n  x: *a', ', must be at most 32 deep'],
    [`- ${'['.repeat(50_000)}`, 'design.yaml, line 1 must be of YAML 1.2’s core schema ('],
    [`- {name: a, x: ${'['.repeat(9000)}${']'.repeat(9000)}}`, 'must be'],
  ])('of YAML is refused: %#', async (content, expected) => {
    expect(await refusal('design.yaml', content)).toContain(expected);
  });

  it('of YAML whose aliases would multiply is refused', async () => {
    const levels = Array.from({ length: 30 }, (_, index) => {
      const items =
        index === 0
          ? '[x, x]'
          : `[${Array(9)
              .fill(`*l${index - 1}`)
              .join(', ')}]`;
      return `  l${index}: &l${index} ${items}`;
    });
    expect(await refusal('design.yaml', ['- name: a', ...levels].join('\n'))).toContain(
      'scenario "a": parameters must be at most 16384 bytes of JSON',
    );
  });

  it('with parameters that are not the simulation’s is refused, with the scenario’s name', async () => {
    expect(await refusal('design.csv', 'name,strik\na,1', option)).toBe(
      'design.csv, line 2, scenario "a": a parameter’s name must be one of barrier, strike, style, volatility; got "strik"',
    );
    expect(await refusal('design.csv', 'name,strike\na,1\nb,x', option)).toBe(
      'design.csv, line 3, scenario "b": parameter strike must be a number; got "x"',
    );
    expect(await refusal('design.json', '[{"name":"a","style":1}]', option)).toBe(
      'design.json, entry 1, scenario "a": parameter style must be a text; got 1',
    );
  });

  it('with more than 1,000 scenarios is refused with their number', async () => {
    const designs = (count: number) => {
      const entries = Array.from({ length: count }, (_, index) => ({ name: `s${index}` }));
      const csv = `name\n${entries.map(({ name }) => name).join('\n')}`;
      return { csv, json: JSON.stringify(entries), yaml: stringify(entries) };
    };
    const { csv, json, yaml } = designs(1000);
    for (const [name, text] of Object.entries({ 'a.csv': csv, 'a.json': json, 'a.yaml': yaml })) {
      expect(await read(name, text)).toHaveLength(1000);
    }
    const more = designs(1001);
    const tooMany = 'must be of 1 to 1000 scenarios; got 1001';
    expect(await refusal('a.csv', more.csv)).toBe(`a.csv ${tooMany}`);
    expect(await refusal('a.json', more.json)).toBe(`a.json ${tooMany}`);
    expect(await refusal('a.yaml', more.yaml)).toBe(`a.yaml ${tooMany}`);
    const many = `name,x\n${Array.from({ length: 100_000 }, (_, index) => `s${index},1`).join('\n')}`;
    expect(await refusal('a.csv', many)).toBe('a.csv must be of 1 to 1000 scenarios; got 100000');
  });

  it('that can’t be read, is no text, or is too large is refused', async () => {
    await expect(designOf(join(folder, 'nowhere.csv'), [])).rejects.toThrow(
      'the design must be a file that can be read (ENOENT',
    );
    mkdirSync(join(folder, 'folder.csv'));
    await expect(designOf(join(folder, 'folder.csv'), [])).rejects.toThrow(
      'the design must be a file that can be read (EISDIR',
    );
    await expect(designOf(join(folder, 'design.txt'), [])).rejects.toThrow(
      'the design must be a file .csv, .json, .yaml or .yml; got',
    );
    expect(await refusal('utf16.csv', Buffer.from('\ufeffname\na', 'utf16le'))).toBe(
      'the design must be a file of text in UTF-8; got "utf16.csv"',
    );
    expect(await refusal('latin1.csv', Buffer.from('name\né', 'latin1'))).toBe(
      'the design must be a file of text in UTF-8; got "latin1.csv"',
    );
    expect(await refusal('large.csv', `name\n${'a\n'.repeat(2_000_000)}`)).toBe(
      'the design must be a file of at most 4 MB; got "large.csv"',
    );
  });

  const parameterName = fc
    .stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,9}$/)
    .filter((n) => n !== 'name');
  const wellFormed = fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0'));
  const scenarioName = wellFormed
    .filter(({ length }) => length >= 1 && length <= 100)
    .filter((text) => !/\p{Cc}/u.test(text));
  const leaf = fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true, max: 2 ** 53, min: -(2 ** 53) }),
    wellFormed,
  );
  const json = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(wellFormed, tie('value'), { maxKeys: 4 }),
    ),
  })).value;
  const scenarios = fc.uniqueArray(
    fc.record({
      name: scenarioName,
      parameters: fc.dictionary(parameterName, json, { maxKeys: 5 }),
    }),
    { selector: ({ name }) => name, minLength: 1, maxLength: 8 },
  );
  const cellOf = (text: string): string => `"${text.replaceAll('"', '""')}"`;

  it('is the same whichever format it is written in', async () => {
    await fc.assert(
      fc.asyncProperty(scenarios, async (designed) => {
        const entries = designed.map(({ name, parameters }) => ({ name, ...parameters }));
        const columns = [...new Set(entries.flatMap(Object.keys))].reverse();
        const lines = entries.map((entry: Record<string, unknown>) =>
          columns.map((column) => {
            if (column === 'name') return cellOf(entry.name as string);
            return Object.hasOwn(entry, column) ? cellOf(JSON.stringify(entry[column])) : '';
          }),
        );
        const csv = [columns, ...lines].map((cells) => cells.join()).join('\r\n');
        // As JSON has them: without the sign of a zero.
        const expected = JSON.parse(JSON.stringify(designed)) as unknown;
        const texts = { 'a.json': JSON.stringify(entries), 'a.yaml': stringify(entries) };
        for (const [name, text] of Object.entries(texts)) {
          expect(await read(name, text)).toEqual(expected);
        }
        expect(await read('a.csv', csv)).toEqual(expected);
      }),
      { numRuns: times(100, 3000) },
    );
  });

  it('that is any text is read, or refused', async () => {
    const pieces = fc.constantFrom(
      ...[
        'name',
        'x',
        ',',
        '\n',
        '\r\n',
        '"',
        '1',
        '- ',
        ': ',
        '{',
        '}',
        '[',
        ']',
        '&a',
        '*a',
        ' ',
      ],
      ...['!', '|', '>', '#', '---\n', '%', '?', '\t', '\\', 'null', '"a"', '<<'],
    );
    const texts = fc.array(pieces, { maxLength: 40 }).map((all) => all.join(''));
    const files = fc.constantFrom('a.csv', 'a.json', 'a.yaml');
    await fc.assert(
      fc.asyncProperty(
        files,
        fc.oneof(texts, fc.string({ unit: 'binary' })),
        async (name, text) => {
          const design = await read(name, text).catch((error: unknown) => {
            expect(error).toBeInstanceOf(InvalidInputError);
            return undefined;
          });
          if (design !== undefined) expect(design.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: times(300, 20_000) },
    );
  });

  it('beside variations is refused, and so is none of both', async () => {
    const variation = parseVariation('strike=90');
    await expect(designOf('design.csv', [variation])).rejects.toThrow(
      'the design must be given either by a file or by --vary; got "design.csv"',
    );
    await expect(designOf(undefined, [])).rejects.toThrow(
      'the design must be given either by a file or by --vary; got undefined',
    );
  });
});

describe('a grid', () => {
  const grid = (...texts: readonly string[]) =>
    gridOf(texts.reduce<Variation[]>((all, text) => [...all, parseVariation(text, all)], []));

  it('has a scenario for each combination, and varies the last fastest', async () => {
    const design = grid('strike=90, 100', 'style=european,12', 'volatility=0.1:0.3:0.1');
    const scenarios = await scenariosOf(design, option);
    expect(scenarios).toHaveLength(12);
    expect(scenarios.slice(0, 4)).toEqual([
      {
        name: 'strike=90,style=european,volatility=0.1',
        parameters: { strike: 90, style: 'european', volatility: 0.1 },
      },
      {
        name: 'strike=90,style=european,volatility=0.2',
        parameters: { strike: 90, style: 'european', volatility: 0.2 },
      },
      {
        name: 'strike=90,style=european,volatility=0.3',
        parameters: { strike: 90, style: 'european', volatility: 0.3 },
      },
      {
        name: 'strike=90,style=12,volatility=0.1',
        parameters: { strike: 90, style: '12', volatility: 0.1 },
      },
    ]);
  });

  it.each([
    ['0.1:0.5:0.1', ['0.1', '0.2', '0.3', '0.4', '0.5']],
    ['0.10:0.35:0.10', ['0.1', '0.2', '0.3']],
    ['0:1:0.25', ['0', '0.25', '0.5', '0.75', '1']],
    ['5:-5:-5', ['5', '0', '-5']],
    ['1e2:3E+2:1e2', ['100', '200', '300']],
    ['1e-3:2e-3:5e-4', ['0.001', '0.0015', '0.002']],
    ['7:7:1', ['7']],
    ['7:7:-1', ['7']],
    ['1:10:20', ['1']],
    [
      '9007199254740990:9007199254740992:1',
      ['9007199254740990', '9007199254740991', '9007199254740992'],
    ],
    ['90,100', ['90', '100']],
    [' a , b c ,"d",[1],true', ['a', 'b c', '"d"', '[1]', 'true']],
    ['10:30:00,11:30:00', ['10:30:00', '11:30:00']],
    ['x=1,y=2', ['x=1', 'y=2']],
  ])('takes %s for these values', (values, texts) => {
    expect(parseVariation(`p=${values}`)).toEqual({ name: 'p', texts });
  });

  it.each([
    ['strike', 'must be name=value,value,… or name=start:end:step; got "strike"'],
    ['=1', 'must be name=value,value,… or name=start:end:step; got "=1"'],
    ['p= ', 'must be name=value,value,… or name=start:end:step; got "p= "'],
    ['p=1,,2', 'must be values with commas between them; got "p=1,,2"'],
    ['p=1,', 'must be values with commas between them; got "p=1,"'],
    ['p=[1,2]', 'must be values without commas in them (a design file may have others); got'],
    ['p="a,b"', 'must be values without commas in them (a design file may have others); got'],
    ['p=0:10', 'must be start:end:step, of finite numbers; got "p=0:10"'],
    ['p=0:10:1:1', 'must be start:end:step, of finite numbers; got "p=0:10:1:1"'],
    ['p=0:1e999:1', 'must be start:end:step, of finite numbers; got "p=0:1e999:1"'],
    ['p=0:1:0', 'must be a step that leads from the start to the end; got "p=0:1:0"'],
    ['p=1:1:0', 'must be a step that leads from the start to the end; got "p=1:1:0"'],
    ['p=0:1:-0.1', 'must be a step that leads from the start to the end; got "p=0:1:-0.1"'],
    ['p=1:0:0.1', 'must be a step that leads from the start to the end; got "p=1:0:0.1"'],
    ['p=0:1e300:1e-300', '--vary p=0:1e300:1e-300 must be of 1 to 1000 scenarios; got Infinity'],
    ['p=0:1000:1', '--vary p=0:1000:1 must be of 1 to 1000 scenarios; got 1001'],
    ['p=1,2,1', '--vary p must be values that differ; got "1"'],
    ['strike=1', '--vary must be given once for each name; got "strike"'],
  ])('refuses %s: %s', (text, expected) => {
    const before = [parseVariation('strike=90')];
    expect(() => parseVariation(text, before)).toThrow(InvalidInputError);
    expect(() => parseVariation(text, before)).toThrow(expected);
  });

  it('of more than 1,000 scenarios is refused, before it is made', () => {
    expect(grid('a=1:100:1', 'b=1:10:1')).toHaveLength(1000);
    expect(() => grid('a=1:1000:1', 'b=1:1000:1', 'c=1:1000:1')).toThrow(
      '--vary must be of 1 to 1000 scenarios; got 1000000000',
    );
  });

  it('whose scenarios have names of more than 100 characters is refused', () => {
    expect(() => grid(`a=${'x'.repeat(98)}`)).not.toThrow();
    expect(() => grid(`a=${'x'.repeat(99)}`)).toThrow(
      '--vary: the scenario’s name must be a text of 1',
    );
  });

  it('with parameters that are not the simulation’s is refused, with the scenario’s name', async () => {
    await expect(scenariosOf(grid('strike=90,x'), option)).rejects.toThrow(
      '--vary, scenario "strike=x": parameter strike must be a number; got "x"',
    );
    await expect(scenariosOf(grid('strik=90'), option)).rejects.toThrow(
      '--vary, scenario "strik=90": a parameter’s name must be one of barrier, strike, style, volatility',
    );
    await expect(
      scenariosOf(grid('x=9007199254740993:9007199254740993:1'), anything),
    ).rejects.toThrow('parameter x must be without an integer that a double rounds');
  });

  it('takes start, end and step for the decimals that a person counts', () => {
    const decimal = fc.record({
      units: fc.integer({ min: -10_000, max: 10_000 }),
      places: fc.nat(6),
    });
    const write = (units: number, places: number): string => {
      const digits = String(Math.abs(units)).padStart(places + 1, '0');
      const [whole, part] = [
        digits.slice(0, digits.length - places),
        digits.slice(digits.length - places),
      ];
      return `${units < 0 ? '-' : ''}${whole}${places === 0 ? '' : `.${part}`}`;
    };
    const steps = fc.integer({ min: -50, max: 50 }).filter((step) => step !== 0);
    fc.assert(
      fc.property(
        decimal,
        steps,
        fc.nat(200),
        fc.nat(49),
        ({ units, places }, step, count, rest) => {
          // Beyond the last value by less than a step.
          const end = units + count * step + Math.sign(step) * (rest % Math.abs(step));
          const range = [units, end, step].map((each) => write(each, places)).join(':');
          const { texts } = parseVariation(`p=${range}`);
          const expected = Array.from({ length: count + 1 }, (_, k) =>
            Number(`${units + k * step}e-${places}`),
          );
          expect(texts.map(Number)).toEqual(expected.map((value) => value + 0));
          expect(texts).toEqual(expected.map(String));
        },
      ),
      { numRuns: times(300, 10_000) },
    );
  });
});
