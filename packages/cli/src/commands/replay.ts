import {
  IterationFailedError,
  IterationId,
  SystemClock,
  type IterationFailure,
  type IterationValue,
  type Run,
  type RunId,
  type Stores,
} from '@stepcompute/core';
import {
  Attempt,
  refuseOtherMeasures,
  refuseOutside,
  RunIdentity,
  Stop,
  type ParsedSimulation,
} from '@stepcompute/core/adapters';
import { argument, declareCommand } from '../command.js';
import { withStores } from '../databases.js';
import { MismatchError, ReportedError } from '../errors.js';
import type { Screen } from '../screen.js';
import { openSimulation, recordedSimulation } from '../simulations.js';
import { formatTable } from '../table.js';
import {
  databaseOption,
  generatorOption,
  jsonOption,
  onOption,
  parseNumber,
  runArgument,
  timeoutOption,
  verboseOption,
} from '../options.js';

export const replayCommand = declareCommand({
  name: 'replay',
  description: 'generate one value again and compare it with the stored one',
  arguments: {
    id: runArgument,
    iterationId: argument('<iteration>', 'which repetition, from 0', (text) =>
      IterationId.parse(parseNumber(text)),
    ),
  },
  options: {
    file: generatorOption('the simulation; without it, the one that the run recorded'),
    timeoutMs: timeoutOption('the longest that an asynchronous generator may take'),
    db: databaseOption(),
    on: onOption(),
    json: jsonOption('print a JSON object'),
    verbose: verboseOption,
  },
  help: `
Examples:
  $ stepcompute replay 1 500
  $ stepcompute replay 1 500 --generator ./my-mended-simulation.js`,
  action({ id, iterationId, file, timeoutMs, db, on }, { terminal, interruption }) {
    const work = async (stores: Stores): Promise<void> => {
      const run = await stores.runs.get(id);
      refuseOutside(run, iterationId);
      const { simulation } = await (file === undefined
        ? recordedSimulation(run, interruption)
        : openSimulation(file, interruption));
      refuseOtherMeasures(run, simulation.measures);
      let replayed: IterationValue;
      try {
        replayed = await replay(simulation, run, iterationId, timeoutMs);
      } catch (error) {
        const failure = await readFailure(stores, id, iterationId);
        if (failure === undefined) throw error;
        const { errorName, message } = failure;
        throw new ReportedError(error, {}, [`On record for it is ${errorName}: ${message}`]);
      }
      interruption.hasSimulation = false;
      const stored = await readValue(stores, id, iterationId);
      const measures = compare(simulation.measures, replayed, stored);
      const differing = measures.find(({ matches }) => matches === false);
      const matches = stored === undefined ? null : differing === undefined;
      const answer = {
        runId: id,
        iterationId,
        replayed: replayed.value,
        stored: stored?.value ?? null,
        matches,
        ...(simulation.declaresMeasures && {
          measures: Object.fromEntries(measures.map(({ name, ...each }) => [name, each])),
        }),
      };
      if (!terminal.wantsJson) terminal.print(tableOf(measures, terminal.screen));
      if (differing !== undefined) {
        const { name } = differing;
        const of = simulation.declaresMeasures ? ` of ${name}` : '';
        throw new ReportedError(
          new MismatchError(
            `iteration ${iterationId} of run ${id} came to ${differing.replayed}${of}, ` +
              `and ${differing.stored} is stored`,
          ),
          answer,
        );
      }
      if (terminal.wantsJson) terminal.print(JSON.stringify(answer));
    };
    return withStores({ db, on }, interruption, work, 'the generator never settles');
  },
});

/** One measure, generated again and stored. */
interface Comparison {
  readonly name: string;
  readonly replayed: number;
  /** Null when nothing is. */
  readonly stored: number | null;
  readonly matches: boolean | null;
}

function compare(
  measures: readonly string[],
  replayed: IterationValue,
  stored: IterationValue | undefined,
): readonly Comparison[] {
  const again = [replayed.value, ...(replayed.more ?? [])];
  const kept = stored && [stored.value, ...(stored.more ?? [])];
  return measures.map((name, index) => {
    const one = kept?.[index] ?? null;
    return {
      name,
      replayed: again[index]!,
      stored: one,
      matches: kept === undefined ? null : one === again[index],
    };
  });
}

function tableOf(measures: readonly Comparison[], screen: Screen): string {
  const head = ['measure', 'replayed', 'stored', 'same'];
  const rows = measures.map(({ name, replayed, stored, matches }) => [
    name,
    String(replayed),
    stored === null ? 'nothing yet' : String(stored),
    matches === null ? '–' : matches ? 'yes' : 'no',
  ]);
  const [only, ...others] = rows;
  if (only === undefined || others.length > 0) return formatTable(rows, screen, head);
  const lines = head.map((label, index) => [label, only[index]!]);
  return formatTable(lines.slice(only[0] === 'value' ? 1 : 0), screen);
}

async function replay(
  simulation: ParsedSimulation,
  run: Run,
  iterationId: IterationId,
  timeoutMs: number | undefined,
): Promise<IterationValue> {
  const attempt = new Attempt(new Stop());
  const settings = { timeoutMs, clock: new SystemClock() };
  const { generate } = simulation;
  try {
    const drawn = await attempt.draw(generate, RunIdentity.of(run), iterationId, settings);
    return simulation.valueOf(iterationId, drawn);
  } catch (cause) {
    throw new IterationFailedError({ runId: run.id, seed: run.seed }, iterationId, cause);
  } finally {
    attempt.close();
  }
}

async function readValue(
  { values }: Stores,
  id: RunId,
  iterationId: IterationId,
): Promise<IterationValue | undefined> {
  for await (const [first] of values.read(id, iterationId)) {
    return first?.iterationId === iterationId ? first : undefined;
  }
  return undefined;
}

async function readFailure(
  { failures }: Stores,
  id: RunId,
  iterationId: IterationId,
): Promise<IterationFailure | undefined> {
  for await (const batch of failures.read(id)) {
    const failure = batch.find((recorded) => recorded.iterationId === iterationId);
    if (failure !== undefined) return failure;
  }
  return undefined;
}
