/**
 * Records `stepcompute` on terminals of 50 and 120 columns, as pictures in docs/terminal, light or dark as
 * their reader likes: `npm run record`. Needs util-linux's script.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const pictures = join(root, 'docs/terminal');
const launcher = join(root, 'packages/cli/bin/stepcompute.js');

const pricing = `export default {
  name: 'pricing',
  parameters: { strike: 100, quotes: true },
  generate: ({ iterationId, random, parameters: { strike, quotes } }) => {
    if (!quotes && iterationId % 2000 === 1234) {
      throw new Error('no quote', { cause: new Error('connect ECONNREFUSED 192.0.2.7:443') });
    }
    return Math.max(0, 100 * Math.exp(0.25 * random.normal()) - strike);
  },
};
`;

/** What is typed, with a name for the picture. Each goes on from those before. */
const scenes = [
  ['run', 'run --generator pricing.mjs -n 20000 --seed 7'],
  ['failing', 'run --generator pricing.mjs -n 20000 --seed 7 -p quotes=false'],
  ['resumed', 'resume 2 --tolerate 1%'],
  ['list', 'list'],
  ['show', 'show 2'],
];

mkdirSync(pictures, { recursive: true });
for (const columns of [50, 120]) {
  const folder = mkdtempSync(join(tmpdir(), 'stepcompute-record-'));
  writeFileSync(join(folder, 'pricing.mjs'), pricing);
  try {
    for (const [name, typed] of scenes) {
      const written = record(folder, typed, columns);
      const lines = [[['prompt', `$ stepcompute ${typed}`]], ...linesOf(written)];
      writeFileSync(join(pictures, `${name}-${columns}.svg`), svgOf(lines, columns));
      if (name === 'run') {
        const half = written.slice(0, middleOf(written));
        const running = [lines[0], ...linesOf(half)];
        writeFileSync(join(pictures, `running-${columns}.svg`), svgOf(running, columns));
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** All that the command writes to its terminal. */
function record(folder, typed, columns) {
  const command = `stty cols ${columns} -onlcr; ${process.execPath} ${launcher} ${typed} || true`;
  const environment = { PATH: process.env.PATH, TERM: 'xterm', LANG: 'C.UTF-8' };
  return execFileSync('script', ['-qec', command, '/dev/null'], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
}

/** Before the drawing that comes after half of them. */
function middleOf(written) {
  const drawings = [...written.matchAll(/\r\u001b\[K/g)].map(({ index }) => index);
  return drawings[Math.ceil(drawings.length / 2)];
}

/** What stands on the terminal at the end: its lines, as texts with their colours. */
function linesOf(written) {
  let color = 'text';
  return written
    .trimEnd()
    .split('\n')
    .map((line) => {
      // A line that is drawn anew leaves nothing of the one before.
      const last = line.split('\r').at(-1).replaceAll('\u001b[K', '');
      return last.split(/(\u001b\[\d+m)/).flatMap((text) => {
        const [, code] = /^\u001b\[(\d+)m$/.exec(text) ?? [];
        if (code === undefined) return text === '' ? [] : [[color, text]];
        color = { 31: 'red', 32: 'green', 33: 'yellow' }[code] ?? 'text';
        return [];
      });
    });
}

function svgOf(lines, columns) {
  const [width, height, margin] = [7.8, 17, 14];
  const rows = lines.flatMap((line) => wrapped(line, columns));
  const texts = rows.flatMap((row, index) => {
    let column = 0;
    const y = round(margin + (index + 0.75) * height);
    return row.flatMap(([color, text]) => {
      const first = column;
      column += text.length;
      // Each piece at its own place: not every reader of pictures keeps spaces.
      return Array.from(text.matchAll(/\S+(?: \S+)*/g), ({ 0: piece, index }) => {
        const x = round(margin + (first + index) * width);
        const size = `textLength="${round(piece.length * width)}" lengthAdjust="spacingAndGlyphs"`;
        return `<text class="${color}" x="${x}" y="${y}" ${size}>${escaped(piece)}</text>`;
      });
    });
  });
  const [w, h] = [columns * width + 2 * margin, rows.length * height + 2 * margin].map(round);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}">
<style>
text { font: 13px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; }
rect { fill: #fff; stroke: #d0d7de } .text { fill: #1f2328 } .prompt { fill: #59636e }
.red { fill: #cf222e } .green { fill: #1a7f37 } .yellow { fill: #9a6700 }
@media (prefers-color-scheme: dark) {
rect { fill: #0d1117; stroke: #30363d } .text { fill: #e6edf3 } .prompt { fill: #9198a1 }
.red { fill: #ff7b72 } .green { fill: #3fb950 } .yellow { fill: #d29922 }
}
</style>
<rect x="0.5" y="0.5" width="${w - 1}" height="${h - 1}" rx="6"/>
${texts.join('\n')}
</svg>
`;
}

/** A line as a terminal breaks it. */
function wrapped(line, columns) {
  const rows = [[]];
  let left = columns;
  for (const [color, text] of line) {
    let rest = [...text];
    while (rest.length > 0) {
      if (left === 0) {
        rows.push([]);
        left = columns;
      }
      const piece = rest.slice(0, left);
      rows.at(-1).push([color, piece.join('')]);
      rest = rest.slice(left);
      left -= piece.length;
    }
  }
  return rows;
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

function round(number) {
  return Math.round(number * 100) / 100;
}
