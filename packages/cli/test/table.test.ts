import fc from 'fast-check';
import stringWidth from 'string-width';
import { times } from '../../../testing/exhaustive.js';
import { cutText, formatTable } from '../src/table.js';

const file = { isTerminal: false, columns: 20, hasColor: false };
const terminal = { isTerminal: true, columns: 80, hasColor: false };

describe('a table', () => {
  const rows = [
    ['a\tb\nc', 'two  spaces'],
    ['\u001b[31mred', 'x \r\n\u2028 y\u0085'],
  ];

  it('has whole cells with tabs between them in a file, however long they are', () => {
    const long = 'parameters'.repeat(9);
    expect(formatTable([...rows, [long, '']], file, ['name', 'message'])).toBe(
      `name\tmessage\na b c\ttwo  spaces\nred\tx y \n${long}\t`,
    );
  });

  it('hands no control character on to the terminal', () => {
    const table = formatTable(rows, terminal);
    expect(table.split('\n')).toEqual(['a b c  two  spaces', 'red    x y']);
  });

  it('has columns below each other on a terminal, numbers by their ends', () => {
    const table = formatTable(
      [
        ['a', '5', '日本'],
        ['bcd', '1,234', 'e\u0301é'],
        ['👩‍👩‍👧', '–', 'x'],
      ],
      terminal,
      ['name', 'count', 'text'],
    );
    expect(table.split('\n')).toEqual([
      'name  count  text',
      'a         5  日本',
      'bcd   1,234  e\u0301é',
      '👩‍👩‍👧        –  x',
    ]);
  });

  it('cuts what is longest, and no quantity', () => {
    const table = formatTable(
      [
        ['1', '1,234.5', 'pricing.ts', '{"strike":110,"rates":[0.01,0.02]}'],
        ['2', '–', 'a.ts', '{}'],
      ],
      { ...terminal, columns: 40 },
      ['run', 'average', 'simulation', 'parameters'],
    );
    expect(table.split('\n')).toEqual([
      'run  average  simulation  parameters',
      '  1  1,234.5  pricing.ts  {"strike":110…',
      '  2        –  a.ts        {}',
    ]);
  });

  it('takes a line for each cell where a line has no room for a row', () => {
    const table = formatTable(
      [
        ['delta', '0.5236521', '0.5210456 to 0.5262586'],
        ['price', '10.45058', '10.44212 to 10.45904'],
      ],
      { ...terminal, columns: 40 },
      ['measure', 'average', '95 % interval'],
    );
    expect(table.split('\n')).toEqual([
      'measure        delta',
      'average        0.5236521',
      '95 % interval  0.5210456 to 0.5262586',
      '',
      'measure        price',
      'average        10.45058',
      '95 % interval  10.44212 to 10.45904',
    ]);
  });

  it('shows a status in its colour where there are colours, and nothing else', () => {
    const rows = [
      ['1', 'failed'],
      ['failed', 'completed'],
    ];
    const colors = { ...terminal, hasColor: true };
    const [red, green, end] = ['\u001b[31m', '\u001b[32m', '\u001b[39m'];
    expect(formatTable(rows, colors, ['run', 'status']).split('\n')).toEqual([
      'run     status',
      `1       ${red}failed${end}`.padEnd(1),
      `failed  ${green}completed${end}`,
    ]);
    expect(formatTable([['status', 'failed']], colors)).toBe(`status  ${red}failed${end}`);
    expect(formatTable([['status', 'failed']], terminal)).toBe('status  failed');
  });

  it('does without the columns that it can spare, before it cuts a text', () => {
    const rows = [
      ['volatility=0.1', '1', '1.5', '0.25'],
      ['volatility=0.2', '2', '–', '–'],
    ];
    const head = ['scenario', 'run', 'average', 'standard error'];
    const spare = ['standard error', 'run'];
    const tables = [44, 40, 28, 20].map((columns) =>
      formatTable(rows, { ...terminal, columns }, head, spare).split('\n'),
    );
    expect(tables).toEqual([
      [
        'scenario        run  average  standard error',
        'volatility=0.1    1      1.5            0.25',
        'volatility=0.2    2        –               –',
      ],
      [
        'scenario        run  average',
        'volatility=0.1    1      1.5',
        'volatility=0.2    2        –',
      ],
      [
        'scenario        run  average',
        'volatility=0.1    1      1.5',
        'volatility=0.2    2        –',
      ],
      ['scenario     average', 'volatility…      1.5', 'volatility…        –'],
    ]);
    expect(formatTable(rows, file, head, spare)).toContain('run\taverage\tstandard error');
  });

  const cell = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 60 }),
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.double().map((value) => String(Number(value.toPrecision(7)))),
    fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
    fc.constantFrom('日本語のとても長い名前'.repeat(4), '👨‍👩‍👧‍👦'.repeat(30), 'e\u0301'.repeat(90), '–'),
  );
  const head = ['run', 'status', 'repetitions', 'standard deviation', 'started', 'simulation'];

  it('never leaves the width of a terminal of 40 to 200 columns', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: head.length }).chain((count) =>
          fc.record({
            rows: fc.array(fc.array(cell, { minLength: count, maxLength: count }), {
              minLength: 1,
              maxLength: 5,
            }),
            head: fc.constantFrom(head.slice(0, count), []),
            spare: fc.subarray(head.slice(1)),
          }),
        ),
        fc.integer({ min: 40, max: 200 }),
        ({ rows, head, spare }, columns) => {
          const screen = { isTerminal: true, columns, hasColor: false };
          const table = formatTable(rows, screen, head, spare);
          for (const line of table.split('\n')) {
            expect(stringWidth(line)).toBeLessThanOrEqual(columns);
          }
        },
      ),
      { numRuns: times(200, 5000) },
    );
  });
});

describe('a text that is cut', () => {
  it('stays whole where it fits', () => expect(cutText('abc', 3)).toBe('abc'));

  it.each([
    ['abcd', 3, 'ab…'],
    // A character of two columns has no half.
    ['日本語', 4, '日…'],
    ['日本語', 5, '日本…'],
    ['e\u0301e\u0301e\u0301', 2, 'e\u0301…'],
    ['👨‍👩‍👧‍👦👨‍👩‍👧‍👦', 3, '👨‍👩‍👧‍👦…'],
  ])('%j fits %d columns as %j', (text, columns, cut) => {
    expect(cutText(text, columns)).toBe(cut);
  });
});
