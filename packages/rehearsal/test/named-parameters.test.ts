import fc from 'fast-check';
import { scanStatement } from '../src/rds-data/named-parameters.js';

describe('named parameters', () => {
  it.each([
    ['SELECT :a, :b, :a', ['a', 'b']],
    ['SELECT 1::text', []],
    ['SELECT :a::integer', ['a']],
    ["SELECT ':a', :b", ['b']],
    ["SELECT 'it''s :a', :b", ['b']],
    [String.raw`SELECT E'\':a', :b`, ['b']],
    [String.raw`SELECT '\', :b`, ['b']],
    ['SELECT ":a", :b', ['b']],
    ['SELECT $$:a$$, $x$ :a $$ $x$, :b', ['b']],
    ['SELECT 1 -- :a\n, :b', ['b']],
    ['SELECT /* :a /* :c */ :d */ :b', ['b']],
    ['SELECT (ARRAY[1,2,3])[1:2], :b', ['b']],
    ['SELECT f(x := 1), :b', ['b']],
  ])('are found where they are ones: %s', (sql, names) => {
    expect(scanStatement(sql).names).toEqual(names);
  });

  it.each([
    ['SELECT :1, :2, :1', ['1', '2'], ['1', '2']],
    ['SELECT * FROM t WHERE a=:1 LIMIT :2', ['1', '2'], ['1', '2']],
    ['INSERT INTO t VALUES (:1::jsonb,:2)', ['1', '2'], ['1', '2']],
    ['SELECT :10, :1a', ['1', '10', '1a'], ['10', '1a']],
    ['SELECT (ARRAY[1,2,3])[1:2], a[i:2], a[f(1):2], a[b[1]:2]', ['2'], []],
    ['SELECT a[:2]', [], []],
    ['SELECT :1', [], []],
    ["SELECT ':1', $$:1$$, 1::int2, :1", ['1'], ['1']],
  ])('may be numbers, as drivers number them: %s with %j', (sql, sent, names) => {
    expect(scanStatement(sql, sent).names).toEqual(names);
  });

  it('are no words of the statement, as little as what is quoted or a comment', () => {
    const { words } = scanStatement(`COPY "stdin" /* stdin */ FROM 'stdin' WHERE :a -- stdin`);
    expect(words.split(/\s+/)).toEqual(['COPY', 'FROM', 'WHERE', '']);
  });

  it('are replaced, and nothing else is touched', () => {
    const { rewrite } = scanStatement("SELECT ':a', :a::text, :b /* :b */");
    expect(rewrite((name) => `<${name}>`)).toBe("SELECT ':a', <a>::text, <b> /* :b */");
  });

  it('are all found between pieces that hide what looks like one', () => {
    const hidden = fc
      .string({ unit: fc.constantFrom('a', ':x', ' ', '*', '-') })
      .chain((text) =>
        fc.constantFrom(
          `'${text}'`,
          `"${text} "`,
          `$tag$${text}$tag$`,
          `--${text}\n`,
          `/*${text.replaceAll('*', '')}*/`,
          '::text',
        ),
      );
    const name = fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/);
    const piece = fc.oneof(
      hidden.map((text) => ({ text, name: undefined })),
      name.map((parameter) => ({ text: `:${parameter}`, name: parameter })),
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const { names, rewrite } = scanStatement(pieces.map(({ text }) => text).join(' , '));
        expect(names).toEqual([...new Set(pieces.flatMap(({ name: found }) => found ?? []))]);
        expect(rewrite((found) => `<${found}>`)).toBe(
          pieces
            .map(({ text, name: found }) => (found === undefined ? text : `<${found}>`))
            .join(' , '),
        );
      }),
    );
  });
});
