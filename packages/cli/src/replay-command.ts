import {
  InvalidInputError,
  IterationFailedError,
  IterationId,
  RunId,
  SystemClock,
  WriteToDbSettings,
  type IterationFailure,
  type Run,
  type Stores,
  type ValueGenerator,
} from '@stepcompute/core';
import { Attempt, parseValue, RunIdentity, Stop } from '@stepcompute/core/adapters';
import { ExitCode } from './exit-codes.js';
import { formatTable } from './format.js';
import { loadGenerator, recordedGenerator } from './generators.js';
import { withStores } from './inspect-commands.js';
import type { Interruption } from './interruption.js';
import { parseDuration, parseNumber } from './options.js';
import type { Terminal } from './terminal.js';

/** The options of `replay`, as typed. */
export interface ReplayOptions {
  readonly db: string;
  readonly generator?: string;
  readonly timeout?: string;
  readonly verbose?: boolean;
  readonly json?: boolean;
}

/** Generates one value again, and compares it with the stored one. */
export function replayCommand(
  runText: string,
  iterationText: string,
  options: ReplayOptions,
  terminal: Terminal,
  interruption: Interruption,
): Promise<ExitCode> {
  const id = RunId.parse(parseNumber(runText));
  const iterationId = IterationId.parse(parseNumber(iterationText));
  const timeoutMs =
    options.timeout === undefined ? undefined : parseDuration(options.timeout, 'timeout');
  WriteToDbSettings.check({ timeoutMs });
  const work = withStores(options.db, async (stores) => {
    const run = await stores.runs.get(id);
    if (iterationId >= run.repetitions) {
      throw new InvalidInputError(
        'iteration id',
        `below run ${id}'s ${run.repetitions} repetitions`,
        iterationId,
      );
    }
    const { generate } =
      options.generator === undefined
        ? await recordedGenerator(run.generatorName)
        : await loadGenerator(options.generator);
    const replayed = await replay(generate, run, iterationId, timeoutMs).catch(
      async (error: unknown) => {
        const failure = await readFailure(stores, id, iterationId);
        if (failure !== undefined) {
          terminal.note(`On record for it is ${failure.errorName}: ${failure.message}`);
        }
        throw error;
      },
    );
    const stored = await readValue(stores, id, iterationId);
    const matches = stored === undefined ? null : stored === replayed;
    if (options.json === true) {
      const answer = { runId: id, iterationId, replayed, stored: stored ?? null, matches };
      terminal.print(JSON.stringify(answer));
    } else {
      terminal.print(
        formatTable(
          [
            ['replayed', String(replayed)],
            ['stored', stored === undefined ? 'nothing yet' : String(stored)],
            ['same', matches === null ? '–' : matches ? 'yes' : 'no'],
          ],
          terminal.isInteractive,
        ),
      );
    }
    return matches === false ? ExitCode.mismatch : ExitCode.done;
  });
  return interruption.race(work, 'the generator never settles: nothing is left to wait for');
}

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
    throw new IterationFailedError(run.id, iterationId, cause);
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
