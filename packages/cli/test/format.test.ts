import { formatTable } from '../src/format.js';

describe('a table', () => {
  const rows = [
    ['a\tb\nc', 'two  spaces'],
    ['\u001b[31mred', 'x \r\n\u2028 y\u0085'],
  ];

  it('has a line for each row and a tab between two cells, whatever is in them', () => {
    expect(formatTable(rows, false, ['name', 'message'])).toBe(
      'name\tmessage\na b c\ttwo  spaces\n [31mred\tx y ',
    );
  });

  it('hands no control character on to the terminal', () => {
    const table = formatTable(rows, true);
    expect(table.split('\n')).toHaveLength(4);
    expect(table).toContain('a b c');
    expect(table.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  });
});
