import {
  IterationFailedError,
  IterationId,
  SystemClock,
  type IterationFailure,
  type Run,
  type RunId,
  type Stores,
  type ValueGenerator,
} from '@stepcompute/core';
import { Attempt, parseValue, refuseOutside, RunIdentity, Stop } from '@stepcompute/core/adapters';
import { argument, declareCommand } from '../command.js';
import { withStores } from '../databases.js';
import { MismatchError, ReportedError } from '../errors.js';
import { formatTable } from '../format.js';
import { openSimulation, recordedSimulation } from '../simulations.js';
import {
  databaseOption,
  generatorOption,
  jsonOption,
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
    json: jsonOption('print a JSON object'),
    verbose: verboseOption,
  },
  help: `
Examples:
  $ stepcompute replay 1 500
  $ stepcompute replay 1 500 --generator ./my-mended-simulation.js`,
  action({ id, iterationId, file, timeoutMs, db }, { terminal, interruption }) {
    const work = async (stores: Stores): Promise<void> => {
      const run = await stores.runs.get(id);
      refuseOutside(run, iterationId);
      const { simulation } =
        file === undefined ? await recordedSimulation(run) : await openSimulation(file);
      const { generate } = simulation;
      let replayed: number;
      try {
        replayed = await replay(generate, run, iterationId, timeoutMs);
      } catch (error) {
        const failure = await readFailure(stores, id, iterationId);
        if (failure === undefined) throw error;
        const { errorName, message } = failure;
        throw new ReportedError(error, {}, [`On record for it is ${errorName}: ${message}`]);
      }
      const stored = await readValue(stores, id, iterationId);
      const matches = stored === undefined ? null : stored === replayed;
      const answer = { runId: id, iterationId, replayed, stored: stored ?? null, matches };
      if (!terminal.wantsJson) {
        const rows = [
          ['replayed', String(replayed)],
          ['stored', stored === undefined ? 'nothing yet' : String(stored)],
          ['same', matches === null ? '–' : matches ? 'yes' : 'no'],
        ];
        terminal.print(formatTable(rows, terminal.isInteractive));
      }
      if (matches === false) {
        throw new ReportedError(
          new MismatchError(
            `iteration ${iterationId} of run ${id} came to ${replayed}, and ${stored} is stored`,
          ),
          answer,
        );
      }
      if (terminal.wantsJson) terminal.print(JSON.stringify(answer));
    };
    return withStores(db, interruption, work, 'the generator never settles');
  },
});

async function replay(
  generate: ValueGenerator,
  run: Run,
  iterationId: IterationId,
  timeoutMs: number | undefined,
): Promise<number> {
  const attempt = new Attempt(new Stop());
  const settings = { timeoutMs, clock: new SystemClock() };
  try {
    return parseValue(await attempt.draw(generate, RunIdentity.of(run), iterationId, settings));
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
): Promise<number | undefined> {
  for await (const [first] of values.read(id, iterationId)) {
    return first?.iterationId === iterationId ? first.value : undefined;
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
