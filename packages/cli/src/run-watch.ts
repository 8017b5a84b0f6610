import {
  CancelledError,
  isStepComputeError,
  messageOf,
  reportOf,
  RunParameters,
  warningOf,
  type Ledger,
  type Progress,
  type Run,
  type RunId,
  type RunOptions,
  type RunResult,
  type Stores,
} from '@stepcompute/core';
import { isRetryable } from '@stepcompute/core/adapters';
import {
  analysisOf,
  failedChecks,
  reportWith,
  rowsOfChecks,
  type AskedAnalysis,
} from './analysis.js';
import { exitCodeOf, OutputError, ReaderGoneError, ReportedError } from './errors.js';
import { ExitCode } from './exit-codes.js';
import {
  formatCount,
  formatDuration,
  formatRate,
  formatResult,
  rowsOfPrecision,
  rowsOfRun,
} from './format.js';
import { drawHistogram } from './histogram.js';
import { placeOption } from './options.js';
import { openProgress, type ProgressDisplay } from './progress-display.js';
import type { Context } from './context.js';

/** A run's analysis, and the measure to be drawn, as they are asked for. */
export interface AskedOfValues extends AskedAnalysis {
  /** The measure to be drawn. Default: the first, on a terminal. */
  readonly histogram?: string | undefined;
}

/** Follows one run from its beginning to its end, and tells of it. */
export class RunWatch {
  #display: ProgressDisplay;
  #run: Run | undefined;
  #ratePerSecond = 0;

  /** For the orchestrator. */
  readonly runOptions: RunOptions;

  /**
   * @param place where the run is stored, as the user has named it
   * @param asked of the run's values: of its measures
   */
  constructor(
    private readonly stores: Stores,
    private readonly place: string,
    private readonly context: Context,
    private readonly asked: AskedOfValues = { quantiles: [], checks: [] },
  ) {
    this.#display = openProgress(context.terminal);
    this.runOptions = {
      signal: context.interruption.signal,
      onProgress: (progress) => {
        if (this.#run === undefined) this.#announce(progress.run, progress.completed);
        else if (progress.total !== this.#run.repetitions) this.#announceLook(progress.run);
        this.#run = progress.run;
        this.#ratePerSecond = progress.ratePerSecond;
        this.#display.update(progress);
        context.interruption.lastWords(this.#lastWords(progress));
      },
    };
  }

  /**
   * Waits for the run's result, and reports it.
   * @throws ReportedError with the run's ledger, when it ends without a result
   */
  async toTheEnd(running: Promise<RunResult>): Promise<void> {
    try {
      const result = await this.context.interruption.wait(
        running,
        'the generator never settles (--timeout would have said which iteration)',
      );
      this.#display.stop();
      await this.#report(result);
    } catch (error) {
      this.#display.stop();
      throw await this.#withLedger(error);
    }
  }

  /** Reports the result of a run that had it already. */
  async answer(result: RunResult): Promise<void> {
    this.#announce(result.run, result.ledger.completed);
    try {
      await this.#report(result);
    } catch (error) {
      throw await this.#withLedger(error);
    }
  }

  #announce(run: Run, completed: number): void {
    const { id, repetitions, generatorName, parameters, seed, precision, status } = run;
    const where = this.place.includes('://') ? 'PostgreSQL' : this.place;
    const text = RunParameters.text(parameters);
    const given = text === '{}' ? '' : ` with ${text}`;
    const before = completed === 0 ? '' : `, ${formatCount(completed)} of them stored already`;
    const most = status === 'completed' ? 0 : (precision?.maximum ?? 0);
    const further = most > repetitions ? ` to ${formatCount(most)}` : '';
    this.context.terminal.note(
      `Run ${id}: ${formatCount(repetitions)}${further} repetitions of ${generatorName}${given}, ` +
        `seed ${seed}, into ${where}${before}`,
    );
  }

  #announceLook({ repetitions, precision }: Run): void {
    this.#display.stop();
    const most = precision === undefined ? '' : ` of at most ${formatCount(precision.maximum)}`;
    this.context.terminal.note(
      `Not precise enough yet: ${formatCount(repetitions)} repetitions${most}`,
    );
    this.#display = openProgress(this.context.terminal);
  }

  async #report(result: RunResult): Promise<void> {
    const { terminal, elapsedMs } = this.context;
    const { run } = result;
    const analysis = await analysisOf(this.asked, result, this.stores, terminal);
    const report = reportWith(reportOf(result), this.asked, analysis);
    const failed = failedChecks([analysis]);
    // The error's own report has all of it.
    if (terminal.wantsJson && failed === undefined) {
      terminal.print(JSON.stringify({ ...report, elapsedMs: elapsedMs() }));
    }
    if (!terminal.wantsJson) {
      const rows = this.#rowsOf(result);
      rows.after.push(...rowsOfChecks(analysis.checks));
      terminal.print(formatResult(rows, result.averages, terminal.screen, analysis.quantiles));
      const measure =
        this.asked.histogram ?? (terminal.screen.isTerminal ? run.measures[0] : undefined);
      if (measure !== undefined) {
        terminal.print(`\n${await drawHistogram(result, measure, this.stores, terminal)}`);
      }
    }
    const warning = warningOf(result);
    if (warning !== undefined) terminal.warn(warning);
    this.#run = run;
    // Here the run is known still, if its result is lost.
    await terminal.flush();
    if (failed !== undefined) throw new ReportedError(failed, report);
  }

  #rowsOf(result: RunResult): Record<'before' | 'after', string[][]> {
    return {
      before: rowsOfRun(result),
      after: [
        ...rowsOfPrecision(result.run, result.averages),
        ['elapsed', formatDuration(this.context.elapsedMs())],
        ...(this.#ratePerSecond === 0 ? [] : [['rate', formatRate(this.#ratePerSecond)]]),
      ],
    };
  }

  /** @param isComplete true when the run has its result, to be seen again */
  #remedies(id: RunId, isComplete = false): string[] {
    if (this.place === 'memory') return [];
    const where = placeOption(this.place);
    return isComplete
      ? [`See its result with: stepcompute show ${id}${where}`]
      : [`Take it up again with: stepcompute resume ${id}${where}`];
  }

  /** The lines to be said of the run if the command is ended at once. */
  #lastWords({ run: { id }, completed, total }: Progress): string[] {
    const values = `${formatCount(completed)} of ${formatCount(total)} values`;
    return this.place === 'memory'
      ? [`Run ${id} had ${values}, and memory keeps none`]
      : [`Run ${id}: ${values} are known to be stored`, ...this.#remedies(id)];
  }

  /** The error with what the stores still know of its run. */
  async #withLedger(error: unknown): Promise<unknown> {
    if (error instanceof ReportedError) return error;
    if (isStepComputeError(error) && error.code === 'CHANGED_SIMULATION') {
      const hasCode = messageOf(error).includes('its code differs');
      return new ReportedError(error, {}, [
        '--accept-changed-simulation accepts the change' +
          (hasCode ? '' : ', --no-check generates no stored iteration again'),
      ]);
    }
    const isLost = error instanceof OutputError || error instanceof ReaderGoneError;
    const begun = this.#run ?? (await runOf(error, this.stores));
    if (begun === undefined || (isLost && this.place === 'memory')) return error;
    const { id } = begun;
    const known = await knownOf(begun, error, this.stores);
    if (known === undefined) {
      return new ReportedError(error, { runId: id }, this.#remedies(id));
    }
    const { run, ledger } = known;
    const notes: string[] = [];
    // The error of a cancelled run has its ledger already.
    if (exitCodeOf(error) !== ExitCode.interrupted) {
      notes.push(
        `Run ${id} ${run.status}: ${formatCount(ledger.completed)} of ` +
          `${formatCount(ledger.requested)} values are stored, ${formatCount(ledger.failed)} failed, ` +
          `${formatCount(ledger.missing)} missing`,
      );
    }
    notes.push(...this.#remedies(id, isLost));
    return new ReportedError(error, reportOf({ run, ledger }), notes);
  }
}

/** The run that an error names: one that has failed elsewhere before it was looked at has told no progress. */
async function runOf(error: unknown, { runs }: Pick<Stores, 'runs'>): Promise<Run | undefined> {
  if (!isStepComputeError(error) || !('runId' in error) || isRetryable(error)) return undefined;
  return runs.get(error.runId as RunId).catch(() => undefined);
}

/**
 * The record and the ledger of a run that has ended with an error. Undefined when its stores are what
 * failed, or have fallen silent: they are not waited for again, and their error is not put before its.
 */
export async function knownOf(
  run: Run,
  error: unknown,
  stores: Pick<Stores, 'runs' | 'failures'>,
): Promise<{ readonly run: Run; readonly ledger: Ledger } | undefined> {
  if (error instanceof CancelledError) {
    const { ledger } = error;
    return ledger && { run: { ...run, status: 'cancelled' }, ledger };
  }
  if (isRetryable(error)) return undefined;
  try {
    return { run: await stores.runs.get(run.id), ledger: await stores.failures.ledger(run.id) };
  } catch {
    return undefined;
  }
}
