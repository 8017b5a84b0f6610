import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase, describeOnPostgres } from '../../../testing/postgres/databases.js';
import {
  inOneProcess,
  lastLine,
  putDatabase,
  stepcompute,
  type Ending,
  type Outcome,
} from './support.js';

/** Two measures, which a parameter moves; another has an iteration fail. */
const source = `export default {
  name: 'moved',
  parameters: { offset: 0, spread: 1, failing: -1, style: 'plain' },
  measures: ['wait', 'cost'],
  generate({ iterationId, random, parameters: { offset, spread, failing } }) {
    if (iterationId === failing) throw new RangeError('no value at ' + iterationId);
    const wait = spread * random.exponential() + offset;
    return { wait, cost: wait + random.uniform() };
  },
};`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stepcompute-experiment-'));
  write('moved.mjs', source);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

const three = 'name,offset,spread\nlow,0,\nmiddle,0.5,1.5\n"high, ""top""",1,\n';
const simulated = ['--generator', 'moved.mjs'];
const asked = ['-n', '40', '--seed', '42', ...simulated];
const inMemory = ['--db', 'memory'];

interface Report {
  readonly experiment: string;
  readonly key: string;
  readonly control: string | null;
  readonly scenarios: readonly (Readonly<Record<string, unknown>> & {
    readonly scenario: string;
    readonly runId: number;
    readonly seed: number;
    readonly repetitions: number;
    readonly measures: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  })[];
  readonly comparisons: readonly Comparison[];
  readonly rankings: Readonly<Record<string, readonly object[]>>;
  readonly error?: { readonly code: string; readonly message: string };
}

interface Comparison {
  readonly measure: string;
  readonly control: number;
  readonly run: number;
  readonly difference: number;
  readonly confidenceInterval: readonly [number, number];
  readonly simultaneousInterval: readonly [number, number];
  readonly pairs: number | null;
  readonly varianceRatio: number | null;
  readonly isDistinguishable: boolean;
}

const reportOf = (ending: Pick<Ending, 'stdout'>): Report => lastLine(ending) as unknown as Report;

/** The report but for how long it took. */
const lasting = (ending: Pick<Ending, 'stdout'>): object => {
  const { elapsedMs, ...report } = lastLine(ending);
  expect(elapsedMs).toBeGreaterThanOrEqual(0);
  return report;
};

const seedsOf = (ending: Ending): readonly number[] =>
  reportOf(ending).scenarios.map(({ seed }) => seed);
const idsOf = (ending: Ending): readonly number[] =>
  reportOf(ending).scenarios.map(({ runId }) => runId);

describe('an experiment', () => {
  it('is runs that carry its name, its key and their scenarios, from a design in any format', () => {
    putDatabase(folder);
    const entries = [
      { name: 'low', offset: 0 },
      { name: 'middle', offset: 0.5, spread: 1.5 },
      { name: 'high, "top"', offset: 1 },
    ];
    write('of csv.csv', three);
    write('of-json.json', JSON.stringify(entries));
    write('of-yaml.yaml', entries.map((entry) => `- ${JSON.stringify(entry)}\n`).join(''));
    const defaults = { offset: 0, spread: 1, failing: -1, style: 'plain' };
    const vary = ['--vary', 'offset=0:1:0.5', '--vary', 'spread=1,1.5'];
    const grid = ['--name', 'grid', ...vary, '-p', 'style=12'];
    const [csv, json, yaml, ofGrid, listed, text] = inOneProcess(
      folder,
      ['experiment', 'of csv.csv', ...asked, '--json', ...inMemory],
      ['experiment', 'of-json.json', ...asked, '--json', ...inMemory],
      ['experiment', 'of-yaml.yaml', ...asked, '--json', '--key', 'mine'],
      ['experiment', ...grid, ...asked, '--json', ...inMemory],
      ['list', '--experiment', 'of-yaml', '--json'],
      ['list', '--experiment', 'of-yaml'],
    );
    for (const [ending, name, key] of [
      [csv, 'of csv', 'of csv'],
      [json, 'of-json', 'of-json'],
      [yaml, 'of-yaml', 'mine'],
    ] as const) {
      expect(ending.stderr).toBe('');
      const report = reportOf(ending);
      expect(report).toMatchObject({
        experiment: name,
        key,
        control: null,
        scenarios: entries.map(({ name: scenario, ...parameters }) => ({
          ...{ scenario, experiment: name, experimentKey: key, status: 'completed', seed: 42 },
          ...{ repetitions: 40, completed: 40, generator: 'moved' },
          parameters: { ...defaults, ...parameters },
        })),
      });
      expect(report).not.toHaveProperty('comparisons');
      const figures = report.scenarios.map(({ measures }) => measures);
      expect(figures).toEqual(reportOf(csv).scenarios.map(({ measures }) => measures));
    }
    const points = reportOf(ofGrid).scenarios;
    expect(points.map(({ scenario, parameters }) => [scenario, parameters])).toEqual(
      [0, 0.5, 1].flatMap((offset) =>
        [1, 1.5].map((spread) => [
          `offset=${offset},spread=${spread}`,
          { offset, spread, failing: -1, style: '12' },
        ]),
      ),
    );
    const own = { experiment: 'of-yaml', experimentKey: 'mine' };
    expect(JSON.parse(listed.stdout)).toMatchObject(
      entries.toReversed().map(({ name }) => ({ ...own, scenario: name })),
    );
    expect(text.stdout).toMatch(/\tstarted\texperiment\tkey\tscenario\tsimulation\tparameters\n/);
  });

  it('answers again with what it has, goes on to more repetitions, and takes more scenarios', () => {
    putDatabase(folder);
    write('d.csv', three);
    write('more.csv', `${three}new,2,\n`);
    const more = ['experiment', 'more.csv', '--name', 'd', ...simulated, '-n', '60', '--json'];
    const [first, again, extended, added, once, other, otherAgain] = inOneProcess(
      folder,
      ['experiment', 'd.csv', ...asked, '--json'],
      ['experiment', 'd.csv', ...asked, '--json'],
      ['experiment', 'd.csv', ...simulated, '-n', '60', '--seed', '42', '--json'],
      more,
      [...more, '--seed', '42', ...inMemory],
      ['experiment', 'd.csv', ...asked, '--json', '--key', 'again'],
      ['experiment', 'd.csv', ...asked, '--json', '--key', 'again'],
    );
    expect([idsOf(first), seedsOf(first)]).toEqual([
      [1, 2, 3],
      [42, 42, 42],
    ]);
    expect(lasting(again)).toEqual(lasting(first));
    expect(idsOf(extended)).toEqual([1, 2, 3]);
    expect(idsOf(added)).toEqual([1, 2, 3, 4]);
    expect(seedsOf(added)).toEqual([42, 42, 42, 42]);
    const figuresOf = (ending: Ending): object[] =>
      reportOf(ending).scenarios.map(({ repetitions, measures }) => ({ repetitions, measures }));
    expect(figuresOf(added)).toEqual(figuresOf(once));
    expect(figuresOf(added).slice(0, 3)).toEqual(figuresOf(extended));
    expect(idsOf(other)).toEqual([5, 6, 7]);
    expect(figuresOf(other)).toEqual(figuresOf(first));
    expect(lasting(otherAgain)).toEqual(lasting(other));
  });

  it('whose design has changed is told of, with nothing done', () => {
    putDatabase(folder);
    write('d.csv', three);
    write('parameter.csv', three.replace('0.5', '0.6'));
    write('removed.csv', three.replace('low,0,\n', ''));
    write('new.csv', `new,2,\n${three}`.replace(/(new.*\n)(name.*\n)/, '$2$1'));
    write('other.mjs', source.replace('+ offset', '- offset'));
    const named = ['--name', 'd', '--json'];
    const changes = [
      [['parameter.csv', ...asked], 'CHANGED_DESIGN', 'scenario middle: run 2 has "offset":0.5'],
      [['removed.csv', ...asked], 'CHANGED_DESIGN', 'scenario low is not in it any more'],
      [['d.csv', '-n', '40', ...simulated, '--seed', '43'], 'CHANGED_DESIGN', 'another seed'],
      [['d.csv', '-n', '39', ...simulated], 'CHANGED_DESIGN', 'run 1 has 40 repetitions, not 39'],
      // The new scenario comes first in its design, and is not begun.
      [['new.csv', '-n', '40', '--generator', 'other.mjs'], 'CONFLICTING_RUN', 'simulation'],
    ] as const;
    const [first, ...others] = inOneProcess(
      folder,
      ['experiment', 'd.csv', ...asked, '--json'],
      ...changes.map(([args]) => ['experiment', ...args, ...named]),
      ['show', '--experiment', 'd', '--json'],
    );
    expect(lasting(others.pop()!)).toEqual(lasting(first));
    for (const [index, [args, code, message]] of changes.entries()) {
      const ending = others[index]!;
      expect([args, ending.code]).toEqual([args, 2]);
      expect(reportOf(ending).error).toMatchObject({
        code,
        message: expect.stringContaining(message) as string,
      });
      expect(ending.stderr.match(/^stepcompute: /gm)).toHaveLength(1);
    }
  });

  it('begins anew under another key when its simulation has changed, or it was deleted', () => {
    putDatabase(folder);
    write('d.csv', three);
    write('other.mjs', source.replace('+ offset', '- offset'));
    const other = ['experiment', 'd.csv', '-n', '40', '--generator', 'other.mjs'];
    const [, changed, anew, deleted, after] = inOneProcess(
      folder,
      ['experiment', 'd.csv', ...asked],
      other,
      [...other, '--key', 'other', '--json'],
      ['delete', '--experiment', 'd', '--yes', '--json'],
      ['experiment', 'd.csv', ...asked],
    );
    expect(changed.stderr).toMatch(
      /the simulation that it was begun with: another --key begins anew\n$/,
    );
    expect(idsOf(anew)).toEqual([4, 5, 6]);
    const { deleted: gone } = lastLine(deleted) as { deleted: { runId: number }[] };
    expect(gone.map(({ runId }) => runId)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(after).toMatchObject({ code: 2, stdout: '' });
    expect(after.stderr).toMatch(
      /Runs of an experiment d were deleted: another --key begins anew\n$/,
    );
  });

  it('has independent random numbers where it is asked for them, and is compared accordingly', () => {
    write('d.csv', three);
    const [common, independent] = inOneProcess(
      folder,
      ['experiment', 'd.csv', ...asked, ...inMemory, '--json', '--control', 'low'],
      ['experiment', 'd.csv', ...asked, ...inMemory, '--json', '--control', 'low', '--independent'],
    );
    expect(new Set([42, ...seedsOf(independent)]).size).toBe(4);
    expect(seedsOf(common)).toEqual([42, 42, 42]);
    for (const { pairs, varianceRatio } of reportOf(independent).comparisons) {
      expect([pairs, varianceRatio]).toEqual([null, null]);
    }
    for (const { pairs } of reportOf(common).comparisons) expect(pairs).toBe(40);
  });

  /** Gets to the iteration, says so and goes no further, where the environment has it so. */
  const stalling = source.replace('generate(', 'async generate(').replace(
    'const wait',
    `if (process.env.STALL_AT === String(iterationId)) {
      console.error('stalled');
      await new Promise((go) => setTimeout(go, 2 ** 31 - 1));
    }
    const wait`,
  );
  const stalled = (signal: NodeJS.Signals, args: readonly string[]): Promise<Outcome> => {
    let isSent = false;
    return stepcompute(folder, args, {
      environment: { STALL_AT: '25' },
      onStderr: (text, kill) => {
        if (isSent || !text.includes('stalled')) return;
        isSent = true;
        kill(signal);
      },
    });
  };

  it('that was killed has the result of one that was not, after the same command', async () => {
    putDatabase(folder);
    write('d.csv', three);
    write('stalling.mjs', stalling);
    const command = ['experiment', 'd.csv', '-n', '40', '--seed', '42', '--control', 'low'];
    command.push('--generator', 'stalling.mjs', '--concurrency', '4');
    const killed = await stalled('SIGKILL', command);
    expect(killed).toMatchObject({ signal: 'SIGKILL', stdout: '' });
    const [shown, again, whole] = inOneProcess(
      folder,
      ['show', '--experiment', 'd', '--json'],
      [...command, '--json'],
      [...command, '--json', ...inMemory],
    );
    expect(reportOf(shown).scenarios).toMatchObject([
      { scenario: 'low', status: 'started', average: null },
    ]);
    expect(again.code).toBe(0);
    expect(lasting(again)).toEqual(lasting(whole));
  });

  it('that is interrupted says what is stored, and how to go on', async () => {
    putDatabase(folder);
    write('d.csv', three);
    write('stalling.mjs', stalling);
    const command = ['experiment', 'd.csv', '-n', '40', '--generator', 'stalling.mjs'];
    command.push('--concurrency', '1');
    const kept = await stalled('SIGINT', command);
    const lost = await stalled('SIGINT', [...command, ...inMemory]);
    expect(kept).toMatchObject({ code: 130, stdout: '' });
    expect(kept.stderr).toMatch(
      /\nExperiment d: 0 of 3 scenarios, 25 values are known to be stored\nThe same command goes on with it\n$/,
    );
    expect(lost).toMatchObject({ code: 130, stdout: '' });
    expect(lost.stderr).toMatch(
      /\nExperiment d: 0 of 3 scenarios, 25 values, and memory keeps none\n$/,
    );
  });
});

describe('a scenario that fails', () => {
  it('ends no other: the report has all of them, and the exit code is 3', () => {
    putDatabase(folder);
    write('d.csv', 'name,offset,failing\nlow,0,\nmiddle,1,7\nhigh,2,\n');
    const control = ['--control', 'low'];
    const [text, json, inMemoryText, ofFailed, ofFailedText, tolerated] = inOneProcess(
      folder,
      ['experiment', 'd.csv', ...asked, ...control],
      ['experiment', 'd.csv', ...asked, ...control, '--json'],
      ['experiment', 'd.csv', ...asked, ...inMemory],
      ['show', '--experiment', 'd', '--control', 'middle', '--json'],
      ['show', '--experiment', 'd', '--control', 'middle', '--quantiles', '0.5'],
      ['experiment', 'd.csv', ...asked, '--tolerate', '1', ...inMemory, ...control],
    );
    expect(text.code).toBe(3);
    expect(text.stdout).toMatch(/^wait\tlow\t1\tcompleted\t40\t/m);
    expect(text.stdout).toMatch(/^wait\tmiddle\t2\tfailed\t\d+(\t–){6}$/m);
    expect(text.stdout).toMatch(/^wait\thigh\t3\tcompleted\t40\t/m);
    expect(text.stdout).toContain(
      '\nmeasure\trun\tcontrol\tdifference\tsimultaneous 95 %\tvariance ratio\tpairs\tverdict\nwait\thigh\tlow\t2\t',
    );
    expect(text.stderr).toMatch(
      /stepcompute: 1 of 3 scenarios of experiment "d" failed; middle: iteration 7 of run 2 failed: no value at 7, .*\nThe same command tries again what failed\n$/,
    );
    expect(json.code).toBe(3);
    expect(json.stdout.split('\n')).toHaveLength(2);
    const report = reportOf(json);
    expect(report).toMatchObject({
      error: { name: 'ScenariosFailedError', code: 'SCENARIOS_FAILED' },
      scenarios: [
        { scenario: 'low', status: 'completed', count: 40 },
        { scenario: 'middle', status: 'failed', failed: 1, average: null },
        { scenario: 'high', status: 'completed', count: 40 },
      ],
    });
    expect(report.comparisons.map(({ measure, run }) => [measure, run])).toEqual([
      ['wait', 3],
      ['cost', 3],
    ]);
    expect(inMemoryText.code).toBe(3);
    expect(inMemoryText.stderr).not.toContain('The same command');
    // Each row has a cell for each column.
    const [head = '', ...rows] = ofFailedText.stdout.trimEnd().split('\n');
    for (const row of rows) expect(row.split('\t')).toHaveLength(head.split('\t').length);
    expect(ofFailed.code).toBe(0);
    expect(reportOf(ofFailed)).toMatchObject({ comparisons: [], rankings: {} });
    expect(ofFailedText.stderr).toBe(
      'Warning: nothing is compared with middle: it is not completed\n',
    );
    expect(tolerated.code).toBe(0);
    expect(tolerated.stderr).toContain('Warning: middle: the average is over 39 of 40 values');
    expect(tolerated.stdout).toMatch(/^wait\tmiddle\tlow\t.*\t39\thigher$/m);
  });
});

describe('an experiment’s figures', () => {
  it('are differences from the control, as its printed values have them', () => {
    putDatabase(folder);
    write('d.csv', three);
    const [ran, shown, csv, second] = inOneProcess(
      folder,
      ['experiment', 'd.csv', ...asked, '--control', 'low', '--json'],
      ['show', '--experiment', 'd', '--control', 'low', '--json'],
      ['values', '--experiment', 'd', '--header'],
      ['show', '2'],
    );
    expect(second.stdout).toContain('\nexperiment\td\nscenario\tmiddle\n');
    const report = reportOf(ran);
    expect(lasting(shown)).toEqual(lasting(ran));
    const lines = csv.stdout.trimEnd().split('\n');
    expect(lines[0]).toBe('scenario,iteration,wait,cost');
    const valuesOf = (scenario: string, place: number): number[] =>
      lines
        .filter((line) => line.startsWith(`${scenario},`))
        .map((line) => Number(line.slice(scenario.length + 1).split(',')[place]));
    const scenarios = ['low', 'middle', '"high, ""top"""'];
    const meanOf = (values: readonly number[]): number =>
      values.reduce((sum, value) => sum + value, 0) / values.length;
    const varianceOf = (values: readonly number[]): number => {
      const mean = meanOf(values);
      return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
    };
    expect(report.comparisons.map(({ measure, control, run }) => [measure, control, run])).toEqual([
      ['wait', 1, 2],
      ['wait', 1, 3],
      ['cost', 1, 2],
      ['cost', 1, 3],
    ]);
    for (const each of report.comparisons) {
      const place = each.measure === 'wait' ? 1 : 2;
      const control = valuesOf('low', place);
      const values = valuesOf(scenarios[each.run - 1]!, place);
      const differences = values.map((value, index) => value - control[index]!);
      expect(values).toHaveLength(40);
      expect(each.difference).toBeCloseTo(meanOf(differences), 12);
      expect(each.pairs).toBe(40);
      const variance = varianceOf(differences);
      // Student's t with 39 degrees of freedom, of 97.5 %, and of half of that for two comparisons.
      for (const [interval, t] of [
        [each.confidenceInterval, 2.02269092],
        [each.simultaneousInterval, 2.331274],
      ] as const) {
        const half = t * Math.sqrt(variance / 40);
        expect(interval[0]).toBeCloseTo(each.difference - half, 5);
        expect(interval[1]).toBeCloseTo(each.difference + half, 5);
      }
      if (variance > 1e-20) {
        const ratio = (varianceOf(values) + varianceOf(control)) / variance;
        expect(each.varianceRatio! / ratio).toBeCloseTo(1, 9);
      }
      const [lower, upper] = each.simultaneousInterval;
      expect(each.isDistinguishable).toBe(lower > 0 || upper < 0);
    }
  });

  it('are quantiles and checks, which name their scenarios', () => {
    write('d.csv', three);
    const command = ['experiment', 'd.csv', ...asked, ...inMemory];
    const checks = ['--check', 'mean(wait) < 1.5', '--check', 'p50(cost) < 100'];
    const [quantiles, text, json] = inOneProcess(
      folder,
      [...command, '--quantiles', '0.5,1', '--json'],
      [...command, ...checks, '--quantiles', '0.5'],
      [...command, ...checks, '--json'],
    );
    expect(quantiles.code).toBe(0);
    for (const { measures } of reportOf(quantiles).scenarios) {
      for (const { max, quantiles } of Object.values(measures)) {
        expect(quantiles).toMatchObject([{ probability: 0.5 }, { probability: 1, value: max }]);
      }
    }
    expect(text.code).toBe(7);
    expect(text.stdout).toMatch(/^measure\tscenario\t.*\tquantile 0.5\tinterval of quantile 0.5$/m);
    expect(text.stdout).toMatch(/^check\tlow\tholds: mean\(wait\) < 1.5 \(/m);
    expect(text.stderr).toMatch(/checks failed: .*high, "top": mean\(wait\) < 1.5 \(/);
    expect(json.code).toBe(7);
    expect(json.stdout.split('\n')).toHaveLength(2);
    const { error, scenarios } = reportOf(json);
    expect(error).toMatchObject({ code: 'CHECK_FAILED' });
    expect(scenarios[2]!.checks).toMatchObject([{ holds: false }, { holds: true }]);
  });

  it('come at the iterations at which each scenario is precise enough, and say how precise it is', () => {
    putDatabase(folder);
    write('d.csv', 'name,spread\nnarrow,1\nwide,4\n');
    const goal = ['--until-precision', '0.3', '--measure', 'wait', '--min', '50', '--max', '400'];
    const command = ['experiment', 'd.csv', '--seed', '42', ...simulated, ...goal];
    const [first, again, whole, text] = inOneProcess(
      folder,
      [...command, '--json'],
      [...command, '--json'],
      [...command, '--json', ...inMemory],
      [...command, ...inMemory],
    );
    expect(first.code).toBe(0);
    expect(lasting(again)).toEqual(lasting(first));
    expect(lasting(whole)).toEqual(lasting(first));
    const [narrow, wide] = reportOf(first).scenarios;
    expect(narrow).toMatchObject({ precision: { reached: { isReached: true } } });
    expect(narrow!.repetitions).toBeLessThan(400);
    expect(wide).toMatchObject({ repetitions: 400, precision: { reached: { isReached: false } } });
    expect(text.stderr).toMatch(/Warning: wide: the mean of wait is known to ±/);
    expect(text.stdout).toMatch(/^wait\tnarrow\t.*\t±0\.\d+\t±0.3\t\d of 4$/m);
    expect(text.stdout).toMatch(/^cost\tnarrow\t.*\t–\t–\t–$/m);
  });
});

describe('what is not valid', () => {
  it('is one line, exit code 2, and nothing written', () => {
    write('d.csv', three);
    const rows = (count: number): string =>
      Array.from({ length: count }, (_, index) => `s${index}\n`).join('');
    const cases: [args: string[], message: string][] = [
      [[write('no-name.csv', 'offset\n1\n')], 'no-name.csv, line 1: the header must be'],
      [[write('short.csv', 'name,offset\na\n')], 'short.csv, line 2 must be of 2 cells'],
      [[write('twice.csv', 'name,offset\na,1\na,2\n')], 'the scenario’s name must be another'],
      [[write('unknown.csv', 'name,ofset\na,1\n')], 'scenario "a": a parameter’s name must be one'],
      [
        [write('type.csv', 'name,offset\na,much\n')],
        'scenario "a": parameter offset must be a num',
      ],
      [[write('empty.csv', 'name,offset\n')], 'empty.csv must be of 1 to 1000 scenarios; got 0'],
      [[write('many.csv', `name\n${rows(100_000)}`)], 'of 1 to 1000 scenarios; got 100000'],
      [[write('lines.yaml', '- name: "a\\nb"')], 'must be a text without control characters'],
      [[write('d.txt', three)], 'the design must be a file .csv, .json, .yaml or .yml'],
      [['missing.csv'], 'missing.csv'],
      [[], 'the design must be given either by a file or by --vary'],
      [['d.csv', '--vary', 'offset=1'], 'the design must be given either by a file or by --vary'],
      [['--vary', 'offset=1'], 'an experiment of --vary needs a --name'],
      [['--vary', 'offset=1:0:1', '--name', 'n'], '--vary must be a step that leads from'],
      [['--vary', 'offset', '--name', 'n'], '--vary must be name=value,value,… or'],
      [
        [write(`${'n'.repeat(101)}.csv`, three)],
        'experiment must be a text of 1 to 100 characters',
      ],
      [['d.csv', '--name', ''], 'experiment must be a text of 1 to 100 characters'],
      [['d.csv', '--name', 'a\nb'], 'experiment must be a text without control characters'],
      [['d.csv', '--key', ''], 'experiment key must be a text of 1 to 100 characters'],
      [['d.csv', '--control', 'none'], '--control must be one of the scenarios: low, middle, high'],
      [['d.csv', '--check', 'mean(wait) < x'], 'expected at character 14'],
      [['d.csv', '--check', 'mean(weight) < 3'], 'must be one of wait, cost; got "weight"'],
      [['d.csv', '--quantiles', '0.5,1.1'], '1.1'],
      [['d.csv', '--quantiles', '-0.1'], '-0.1'],
      [['d.csv', '--quantiles', ''], 'quantile'],
      [['d.csv', '--until-precision', '-1'], '--until-precision must be'],
      [['d.csv', '--until-precision', '1', '-n', '9'], 'cannot be used with'],
      [['d.csv', '--measure', 'wait'], '--measure must be beside --until-precision'],
      [['d.csv', '--until-precision', '1', '--measure', 'none'], 'wait, cost'],
      [['d.csv', '-p', 'ofset=1'], 'ofset'],
      [['d.csv', '--histogram', 'wait'], "unknown option '--histogram'"],
    ];
    const endings = inOneProcess(
      folder,
      ...cases.map(([args]) => ['experiment', ...args, ...simulated]),
    );
    for (const [index, [args, message]] of cases.entries()) {
      const { code, stdout, stderr } = endings[index]!;
      expect([args, code, stdout]).toEqual([args, 2, '']);
      expect(stderr).toContain(message);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    }
    expect(existsSync(join(folder, '.stepcompute'))).toBe(false);
  });
});

describe('an experiment that is kept', () => {
  it('is listed, shown, printed and deleted by its name', () => {
    putDatabase(folder);
    write('d.csv', three);
    write('one.csv', 'name,offset\nonly,1\n');
    const by = ['--experiment', 'd'];
    const [, , , shown, plain, json, listed, unknown, neither, both, asks, deleted, gone, other] =
      inOneProcess(
        folder,
        ['experiment', 'd.csv', ...asked],
        ['experiment', 'one.csv', '--name', 'd', '--key', 'second', '-n', '2', ...simulated],
        ['experiment', 'one.csv', '-n', '2', ...simulated],
        ['show', ...by],
        ['values', ...by],
        ['values', ...by, '--format', 'json'],
        ['list', ...by, '--json'],
        ['show', '--experiment', 'none'],
        ['show'],
        ['values', '1', ...by],
        ['delete', ...by],
        ['delete', ...by, '--yes'],
        ['list', ...by],
        ['list', '--json'],
      );
    expect(shown.stderr).toBe('3 runs of this name are of experiments with other keys\n');
    expect(shown.stdout).toMatch(/^wait\tonly\t4\tcompleted\t2\t/m);
    expect(plain.stdout).toMatch(/^only,0,\d[^\n]*\nonly,1,\d[^\n]*\n$/);
    expect(JSON.parse(json.stdout)).toMatchObject([
      { scenario: 'only', iterationId: 0 },
      { scenario: 'only', iterationId: 1 },
    ]);
    const ids = (ending: Ending): number[] =>
      (JSON.parse(ending.stdout) as { runId: number }[]).map(({ runId }) => runId);
    expect(ids(listed)).toEqual([4, 3, 2, 1]);
    expect(unknown).toMatchObject({ code: 4, stdout: '' });
    expect(unknown.stderr).toContain('there is no experiment "none" in this store');
    for (const ending of [neither, both]) {
      expect(ending).toMatchObject({ code: 2, stdout: '' });
      expect(ending.stderr).toContain('give either a run or --experiment NAME');
    }
    expect(asks).toMatchObject({ code: 2, stdout: '' });
    expect(asks.stderr).toContain('give --yes');
    expect(deleted.stdout.split('\n').map((line) => line.slice(0, 14))).toEqual([
      ...[1, 2, 3, 4].map((id) => `Deleted run ${id},`),
      '',
    ]);
    expect(gone.stderr).toContain('There are no such runs.');
    expect(ids(other)).toEqual([5]);
  });

  it('is compared run by run too, and ranked', () => {
    putDatabase(folder);
    write('d.csv', 'name,offset\nlow,0\nlike,0.0001\nhigh,9\n');
    write('other.mjs', source.replace("'moved'", "'other'"));
    write('fails.csv', 'name,failing\nincomplete,3\n');
    const [, , , all, json, controlled, another, incomplete, unknown, itself, one, foreign] =
      inOneProcess(
        folder,
        ['experiment', 'd.csv', ...asked, '--independent'],
        ['run', '-n', '40', '--seed', '1', '--generator', 'other.mjs'],
        ['experiment', 'fails.csv', ...asked],
        ['compare', '1', '2', '3'],
        ['compare', '1', '2', '3', '--json'],
        ['compare', '1', '2', '3', '--control', '3', '--json'],
        ['compare', '1', '4'],
        ['compare', '1', '5'],
        ['compare', '1', '99'],
        ['compare', '1', '1'],
        ['compare', '1'],
        ['compare', '1', '2', '--control', '3'],
      );
    const lines = all.stdout.split('\n');
    expect(lines).toContainEqual(
      expect.stringMatching(/^wait\trun 2, like\trun 1, low\t.*\tnot distinguishable$/) as string,
    );
    expect(lines).toContainEqual(
      expect.stringMatching(/^wait\trun 3, high\trun 1, low\t.*\thigher$/) as string,
    );
    expect(lines).toContain('measure\trank\trun\tmean\tnot distinguishable from');
    expect(lines).toContainEqual(
      expect.stringMatching(/^wait\t1\trun .*\trun [12], (low|like)$/) as string,
    );
    expect(lines).toContainEqual(
      expect.stringMatching(/^wait\t3\trun 3, high\t[\d.]+\t–$/) as string,
    );
    const { comparisons, rankings } = reportOf(json);
    expect(comparisons).toHaveLength(6);
    expect(Object.keys(rankings)).toEqual(['wait', 'cost']);
    expect(reportOf(controlled).comparisons.map(({ control, run }) => [control, run])).toEqual([
      [3, 1],
      [3, 2],
      [3, 1],
      [3, 2],
    ]);
    const refused: [Ending, number, string][] = [
      [another, 2, "runs 1 and 4 can't be compared: "],
      [incomplete, 3, 'run 5'],
      [unknown, 4, '99'],
      [itself, 2, 'none is compared with itself'],
      [one, 2, 'the ids of two runs or more'],
      [foreign, 2, 'control must be one of the runs that are compared; got 3'],
    ];
    for (const [ending, code, message] of refused) {
      expect([ending.args, ending.code, ending.stdout]).toEqual([ending.args, code, '']);
      expect(ending.stderr).toContain(message);
    }
  });
});

describeOnPostgres('an experiment on a server', () => {
  it('has the figures, the quantiles and the differences of one in a folder and in memory, to the bit', async () => {
    putDatabase(folder);
    write('d.csv', three);
    const database = await createDatabase();
    try {
      const command = ['experiment', 'd.csv', '-n', '5000', '--seed', '42', ...simulated, '--json'];
      command.push('--control', 'low', '--quantiles', '0.05,0.5,0.95');
      const endings = inOneProcess(folder, [...command, '--db', database.url], command, [
        ...command,
        ...inMemory,
      ]);
      const [server, inFolder, memory] = endings.map(lasting);
      expect(endings.map(({ code }) => code)).toEqual([0, 0, 0]);
      expect(server).toEqual(memory);
      expect(inFolder).toEqual(memory);
    } finally {
      await database.drop();
    }
  });
});
