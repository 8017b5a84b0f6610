/**
 * Prints how often a run that ends by its goal of precision reports an interval that holds the true mean, and at
 * how many repetitions: the tables of docs/precision.md. Experiment n is a run with seed n.
 *
 *   npm run precision --workspace benchmarks [-- EXPERIMENTS]
 */
import { Precision, RandomStream, reachedPrecision } from '@stepcompute/core';
import { Averaging, nextLook } from '@stepcompute/core/adapters';

const experiments = Number(process.argv[2] ?? 10_000);

const rare = (p) => ({
  mean: p,
  deviation: Math.sqrt(p * (1 - p)),
  draw: (random) => (random.uniform() < p ? 1 : 0),
});

/** The maximum of goals that are not to be reached. */
const short = 20_000;

/** Goals by the first look: a half width, and a maximum unless it is the default. */
const goalsOfOne = {
  100: [[0.5], [0.1], [0.03], ['10%'], ['3%'], [0.01, short]],
  1000: [[0.1], [0.05], [0.03], ['3%'], [0.01, short]],
};

const measures = {
  'normal, mean 1, deviation 1': {
    mean: 1,
    deviation: 1,
    draw: (random) => random.normal(1, 1),
    goals: goalsOfOne,
  },
  'exponential, mean 1': {
    mean: 1,
    deviation: 1,
    draw: (random) => random.exponential(),
    goals: goalsOfOne,
  },
  'lognormal, σ = 2': {
    mean: Math.exp(2),
    deviation: Math.sqrt((Math.exp(4) - 1) * Math.exp(4)),
    draw: (random) => Math.exp(random.normal(0, 2)),
    goals: { 100: [['50%'], ['20%']], 1000: [['50%'], ['20%']] },
  },
  'Bernoulli, p = 0.01': {
    ...rare(0.01),
    goals: {
      100: [[0.05], [0.01], [0.005], ['50%'], ['20%'], [0.001, short]],
      1000: [[0.01], [0.005], [0.003], ['20%'], [0.001, short]],
    },
  },
  'Bernoulli, p = 0.001': {
    ...rare(0.001),
    goals: {
      100: [[0.01], [0.003], [0.001], [0.0005], ['50%'], [0.0002, short]],
      1000: [[0.003], [0.001], [0.0005], ['50%'], [0.0002, short]],
    },
  },
};

const isWithin = (interval, mean) =>
  interval !== null && interval[0] <= mean && mean <= interval[1];

/** A rule as a run has it, and what has come of it. */
function ruleOf(first, halfWidth, maximum, confidence) {
  const precision = Precision.parse({ halfWidth, maximum, confidence }, first);
  return {
    run: { precision, request: { repetitions: first }, repetitions: first, measures: ['value'] },
    repetitions: 0,
    held: 0,
    heldUncorrected: 0,
    heldAtAll: 0,
    heldAtAllUncorrected: 0,
    ends: new Map(),
  };
}

/** The same looks with Student's 95 % interval at each. */
function uncorrected(rule) {
  const { halfWidth, maximum } = rule.run.precision;
  const first = rule.run.repetitions;
  const average = { count: 2, mean: 0, standardDeviation: 1, minimum: 0, maximum: 0 };
  const { looks } = reachedPrecision(rule.run, { value: average });
  return ruleOf(first, halfWidth, maximum, 1 - 0.05 * looks);
}

/** Takes one experiment through all rules, which look at the same values. */
function experiment(seed, { mean, draw }, rules) {
  const averaging = new Averaging();
  let going = rules.map((rule) => ({
    rule,
    run: rule.run,
    isWithinAll: true,
    isWithinAllUncorrected: true,
  }));
  while (going.length > 0) {
    const count = Math.min(...going.map(({ run }) => run.repetitions));
    for (let id = averaging.count; id < count; id += 1) {
      averaging.add(id, draw(new RandomStream(seed, id)));
    }
    const average = averaging.average();
    const averages = { value: average };
    going = going.flatMap((at) => {
      const { rule, run } = at;
      if (run.repetitions > count) return [at];
      const { confidenceInterval } = reachedPrecision(run, averages);
      const isHeld = isWithin(confidenceInterval, mean);
      const isHeldUncorrected =
        confidenceInterval !== null && isWithin(average.confidenceInterval, mean);
      const isWithinAll = at.isWithinAll && (isHeld || confidenceInterval === null);
      const isWithinAllUncorrected =
        at.isWithinAllUncorrected && (isHeldUncorrected || confidenceInterval === null);
      const repetitions = nextLook(run, averages);
      if (repetitions !== undefined) {
        return [{ rule, run: { ...run, repetitions }, isWithinAll, isWithinAllUncorrected }];
      }
      rule.repetitions += count;
      rule.held += Number(isHeld);
      rule.heldUncorrected += Number(isHeldUncorrected);
      rule.heldAtAll += Number(isWithinAll);
      rule.heldAtAllUncorrected += Number(isWithinAllUncorrected);
      rule.ends.set(count, (rule.ends.get(count) ?? 0) + 1);
      return [];
    });
  }
}

const percent = (count) => `${((100 * count) / experiments).toFixed(1)} %`;
const number = (value) => value.toLocaleString('en');
const print = (cells) => console.log(`| ${cells.join(' | ')} |`);

const meanOf = ({ repetitions }) => number(Math.round(repetitions / experiments));

/** The repetitions at which most of the runs end. */
function endsOf({ ends }) {
  return [...ends]
    .toSorted(([a], [b]) => a - b)
    .filter(([, count]) => count >= experiments / 20)
    .map(([at]) => number(at))
    .join(', ');
}

for (const [name, measure] of Object.entries(measures)) {
  for (const [text, goals] of Object.entries(measure.goals)) {
    const first = Number(text);
    const rules = goals.map(([halfWidth, maximum]) => ruleOf(first, halfWidth, maximum, 0.95));
    const others = rules.map(uncorrected);
    for (let seed = 1; seed <= experiments; seed += 1) {
      experiment(seed, measure, [...rules, ...others]);
    }
    console.log(`\n### ${name}, first look ${number(first)}\n`);
    print(['±', 'fixed', 'repetitions', 'ends at', 'held', 'Student’s', 'uncorrected', 'held']);
    print(Array(8).fill('---'));
    rules.forEach((rule, index) => {
      const { precision } = rule.run;
      const allowed = Precision.halfWidthOf(precision, measure.mean);
      // By the true deviation, which nobody has beforehand.
      const fixed = Math.ceil(((1.959964 * measure.deviation) / allowed) ** 2);
      const other = others[index];
      print([
        precision.halfWidth + (goals[index][1] === undefined ? '' : `, at most ${number(short)}`),
        number(fixed),
        meanOf(rule),
        endsOf(rule),
        percent(rule.held),
        percent(rule.heldUncorrected),
        meanOf(other),
        percent(other.held),
      ]);
    });
    const all = rules.at(-1);
    if (goals.at(-1)[1] === undefined) continue;
    console.log(
      `\nAt every look to ${number(short)}: ${percent(all.heldAtAll)} corrected, ` +
        `${percent(all.heldAtAllUncorrected)} uncorrected.`,
    );
  }
}
