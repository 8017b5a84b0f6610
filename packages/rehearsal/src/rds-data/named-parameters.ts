/** A statement with its named parameters found. */
export interface ScannedStatement {
  /** The parameters' names, each once, in the order of their first use. */
  readonly names: readonly string[];
  /** The statement with each parameter replaced. */
  readonly rewrite: (replacement: (name: string) => string) => string;
  /** The statement's own words: without literals, quoted identifiers, comments and parameters. */
  readonly words: string;
}

/**
 * The pieces to step over, and parameters: literals (plain, with escapes, dollar-quoted),
 * quoted identifiers, comments, casts, and `:name` itself.
 */
const token = new RegExp(
  [
    String.raw`(?<![\w$])[eE]'(?:[^'\\]|\\[\s\S]|'')*'`,
    String.raw`'(?:[^']|'')*'`,
    String.raw`"(?:[^"]|"")*"`,
    String.raw`(?<![\w$])(\$(?:[A-Za-z_]\w*)?\$)[\s\S]*?\1`,
    String.raw`--[^\n]*`,
    String.raw`/\*`,
    '::',
    ':=',
    // After one of these, digits are the upper bound of an array's slice.
    String.raw`(?<![\w$)\]]):(\d\w*)`,
    String.raw`:([A-Za-z_]\w*)`,
  ].join('|'),
  'g',
);

/**
 * Finds `:name` wherever PostgreSQL would not read it as something else.
 * @param sent the names that the call has values for: one that begins with a digit, as drivers number
 *   their parameters, is only a name if it is among them, and otherwise an array's bound
 */
export function scanStatement(sql: string, sent: readonly string[] = []): ScannedStatement {
  const pieces: { readonly text: string; readonly name?: string }[] = [];
  let plainFrom = 0;
  let words = '';
  let wordsFrom = 0;
  token.lastIndex = 0;
  for (let match = token.exec(sql); match !== null; match = token.exec(sql)) {
    if (match[0] === '/*') token.lastIndex = endOfComment(sql, match.index);
    words += `${sql.slice(wordsFrom, match.index)} `;
    wordsFrom = token.lastIndex;
    const name = match[3] ?? sent.find((one) => one === match[2]);
    if (name === undefined) continue;
    pieces.push({ text: sql.slice(plainFrom, match.index) }, { text: match[0], name });
    plainFrom = token.lastIndex;
  }
  pieces.push({ text: sql.slice(plainFrom) });
  return {
    names: [...new Set(pieces.flatMap(({ name }) => name ?? []))],
    rewrite: (replacement) =>
      pieces.map(({ text, name }) => (name === undefined ? text : replacement(name))).join(''),
    words: words + sql.slice(wordsFrom),
  };
}

/** PostgreSQL's block comments nest. */
function endOfComment(sql: string, start: number): number {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = start;
  let depth = 0;
  for (let match = mark.exec(sql); match !== null; match = mark.exec(sql)) {
    depth += match[0] === '/*' ? 1 : -1;
    if (depth === 0) return mark.lastIndex;
  }
  return sql.length;
}
