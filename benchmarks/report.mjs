/** The benchmark's findings, as tables on the terminal and in Markdown. */
import Table from 'cli-table3';

/**
 * @typedef {object} Row
 * @property {string} group
 * @property {string} name
 * @property {number} n repetitions
 * @property {number} ms
 * @property {number} perSecond
 * @property {number} peakMegabytes
 * @property {string} [left] why it was left out
 */

const whole = (/** @type {number} */ value) => Math.round(value).toLocaleString('en-US');

/** Prints a group's table, and answers with it in Markdown. @param {string} title @param {Row[]} rows */
export function reportGroup(title, rows) {
  const isOverN = rows.every(({ name }) => name === rows[0]?.name);
  const rates = rows.flatMap(({ left, perSecond }) => (left === undefined ? [perSecond] : []));
  const head = [
    '',
    'repetitions',
    'ms',
    'values/s',
    ...(isOverN ? [] : ['our rate is']),
    'peak MB',
  ];
  const cells = rows.map((row) => {
    if (row.left !== undefined) {
      return [row.name, whole(row.n), `left out: ${row.left}`, '', ...(isOverN ? [] : ['']), ''];
    }
    const ratio = (rows[0]?.perSecond ?? NaN) / row.perSecond;
    return [
      row.name,
      whole(row.n),
      whole(row.ms),
      whole(row.perSecond),
      ...(isOverN ? [] : [row === rows[0] ? '' : `${ratio.toPrecision(3)} ×`]),
      whole(row.peakMegabytes),
    ];
  });
  const table = new Table({ head: [...head, 'rate, log scale'], style: { head: [], border: [] } });
  table.push(...cells.map((line, index) => [...line, barOf(rows[index]?.perSecond ?? NaN, rates)]));
  console.log(`\n${title}\n${table.toString()}`);
  return (
    `\n## ${title}\n\n| ${head.join(' | ')} |\n|${head.map(() => ' --- |').join('')}\n` +
    cells.map((line) => `| ${line.join(' | ')} |\n`).join('')
  );
}

/** Ten blocks for the fastest, and three less for a tenth of its rate. @param {number} rate @param {number[]} rates */
function barOf(rate, rates) {
  const blocks = 10 - 3 * Math.log10(Math.max(...rates) / rate);
  return Number.isFinite(rate) ? '█'.repeat(Math.max(1, Math.round(blocks))) : '';
}
