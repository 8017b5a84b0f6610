import {
  CancelledError,
  isStepComputeError,
  messageOf,
  reportOf,
  RunParameters,
  warningOf,
  type Ledger,
  type Run,
  type RunId,
  type RunOptions,
  type RunResult,
  type Stores,
} from '@stepcompute/core';
import { isRetryable } from '@stepcompute/core/adapters';
import { ReportedError } from './errors.js';
import { ExitCode, exitCodeOf } from './exit-codes.js';
import { drawHistogram, formatCount, formatDuration, formatResult, rowsOfRun } from './format.js';
import { openProgress, type ProgressDisplay } from './progress-display.js';
import type { Context } from './context.js';

/** Follows one run from its beginning to its end, and tells of it. */
export class RunWatch {
  readonly #display: ProgressDisplay;
  #run: Run | undefined;
  #ratePerSecond = 0;

  /** For the orchestrator. */
  readonly runOptions: RunOptions;

  /**
   * @param place where the run is stored, as the user has named it
   * @param histogram the measure to be drawn, which the run has. Default: the first, on a terminal
   */
  constructor(
    private readonly stores: Stores,
    private readonly place: string,
    private readonly context: Context,
    private readonly histogram?: string,
  ) {
    this.#display = openProgress(context.terminal);
    this.runOptions = {
      signal: context.interruption.signal,
      onProgress: (progress) => {
        if (this.#run === undefined) this.#announce(progress.run, progress.completed);
        this.#run = progress.run;
        this.#ratePerSecond = progress.ratePerSecond;
        this.#display.update(progress);
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
    await this.#report(result);
  }

  #announce({ id, repetitions, generatorName, parameters, seed }: Run, completed: number): void {
    const where = this.place.includes('://') ? 'PostgreSQL' : this.place;
    const text = RunParameters.text(parameters);
    const given = text === '{}' ? '' : ` with ${text}`;
    const before = completed === 0 ? '' : `, ${formatCount(completed)} of them stored already`;
    this.context.terminal.note(
      `Run ${id}: ${formatCount(repetitions)} repetitions of ${generatorName}${given}, ` +
        `seed ${seed}, into ${where}${before}`,
    );
  }

  async #report(result: RunResult): Promise<void> {
    const { terminal, elapsedMs } = this.context;
    const { run, ledger, average } = result;
    if (terminal.wantsJson) {
      terminal.print(JSON.stringify({ ...reportOf(result), elapsedMs: elapsedMs() }));
    } else {
      terminal.print(formatResult(this.#rowsOf(result), result.averages, terminal.isInteractive));
      const measure = this.histogram ?? (terminal.isInteractive ? run.measures[0] : undefined);
      const histogram =
        measure === undefined ? '' : await drawHistogram(result, measure, this.stores);
      if (histogram !== '') terminal.print(histogram);
    }
    const warning = warningOf(ledger, average);
    if (warning !== undefined) terminal.note(`Warning: ${warning}`);
  }

  #rowsOf(result: RunResult): Parameters<typeof formatResult>[0] {
    return {
      before: rowsOfRun(result),
      after: [
        ['elapsed', formatDuration(this.context.elapsedMs())],
        ['rate', `${formatCount(Math.round(this.#ratePerSecond))} values/s`],
      ],
    };
  }

  #remedies(id: RunId): string[] {
    if (this.place === 'memory') return [];
    const on = this.place.startsWith('aws:') ? ` --on ${this.place}` : '';
    return [`Take it up again with: stepcompute resume ${id}${on}`];
  }

  /** The error with what the stores still know of its run; as it is when they are what failed. */
  async #withLedger(error: unknown): Promise<unknown> {
    if (isStepComputeError(error) && error.code === 'CHANGED_SIMULATION') {
      const hasCode = messageOf(error).includes('its code differs');
      return new ReportedError(error, {}, [
        '--accept-changed-simulation accepts the change' +
          (hasCode ? '' : ', --no-check generates no stored iteration again'),
      ]);
    }
    if (this.#run === undefined) return error;
    const { id } = this.#run;
    // That of a cancelled run knows; its store may have fallen silent.
    const known = error instanceof CancelledError ? error.ledger : undefined;
    let run: Run = { ...this.#run, status: 'cancelled' };
    let ledger: Ledger;
    // The store has fallen silent, or an outage has lasted longer than its patience.
    const isSilent = error instanceof CancelledError && !error.isKnown;
    if (known === undefined && (isSilent || isRetryable(error))) {
      return new ReportedError(error, { runId: id }, this.#remedies(id));
    }
    try {
      if (known === undefined) run = await this.stores.runs.get(id);
      ledger = known ?? (await this.stores.failures.ledger(id));
    } catch {
      return error;
    }
    const notes: string[] = [];
    // The error of a cancelled run has its ledger already.
    if (exitCodeOf(error) !== ExitCode.interrupted) {
      notes.push(
        `Run ${id} ${run.status}: ${formatCount(ledger.completed)} of ` +
          `${formatCount(ledger.requested)} values are stored, ${formatCount(ledger.failed)} failed, ` +
          `${formatCount(ledger.missing)} missing`,
      );
    }
    notes.push(...this.#remedies(id));
    return new ReportedError(error, reportOf({ run, ledger }), notes);
  }
}
