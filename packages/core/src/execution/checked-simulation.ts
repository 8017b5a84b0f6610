import { InvalidInputError } from '../errors/invalid-input-error.js';
import { messageOf } from '../errors/thrown.js';
import { refuseOtherMeasures } from '../ports/refusals.js';
import type { ValueStore } from '../ports/stores.js';
import { Fingerprint } from '../run/fingerprint.js';
import type { IterationId } from '../run/numbers.js';
import { CancelledError, ChangedSimulationError } from '../run/run-errors.js';
import { RunIdentity, type Run } from '../run/run.js';
import { FirstBlock, RandomStream } from '../simulation/random-stream.js';
import type { ParsedSimulation } from '../simulation/simulation.js';
import type { IterationValue, MeasuredValue } from '../simulation/value.js';
import { Attempt, type AttemptSettings } from './attempt.js';
import type { Retries } from './retries.js';
import { Stop } from './stop.js';

/** How a simulation is held against what a run has stored. */
export interface CheckSettings extends AttemptSettings {
  readonly retries: Retries;
  /**
   * The stored iterations that are generated again, before a run is gone on with. True: the lowest one,
   * or three where no fingerprint tells that the code is the same. Undefined: those three alone. False:
   * none.
   */
  readonly checkStored: boolean | undefined;
}

/** So many fingerprints fit a row of every database, beside what else there is of a run. */
const mostAccepted = 50;

/** So many stored iterations explain a difference; they can't prove that there is none. */
const sampleSize = 3;

/** Up to here a run is looked through for values of one code, so that a look takes a second or two at most. */
const farthest = 4_000_000;

/** A stored iteration that was generated again. */
interface Sample {
  readonly iterationId: IterationId;
  readonly stored: MeasuredValue;
  /** Undefined when it failed, for the reason given. */
  readonly again: MeasuredValue | undefined;
  readonly reason: string | undefined;
}

/**
 * The simulation at hand, held against the runs that it is to generate values of: who generates
 * compares, since only he knows the code that he holds.
 */
export class CheckedSimulation {
  constructor(
    readonly simulation: ParsedSimulation,
    private readonly values: Pick<ValueStore, 'read' | 'scan'>,
    private readonly settings: CheckSettings,
  ) {}

  /**
   * The place that the code at hand has among those that the run accepts, 0 for the one that the run was
   * begun with: that of the last equal one, else of the last that can't be compared.
   * @throws ChangedSimulationError when it has none
   */
  async codeOf(run: Run, signal?: AbortSignal): Promise<number> {
    refuseOtherMeasures(run, this.simulation.measures);
    const match = this.#matchOf(run);
    if (match !== undefined) return match.code;
    const fingerprints = run.simulation.map(Fingerprint.describe).join('; ');
    const samples = await this.#generateAgain(run, undefined, sampleSize, signal);
    throw new ChangedSimulationError(
      run.id,
      `its code differs (${fingerprints}; at hand: ` +
        `${Fingerprint.describe(this.simulation.fingerprint)})${this.#explained(samples)}`,
    );
  }

  /**
   * Generates stored iterations of the run again, as the settings say.
   * @throws ChangedSimulationError when one comes to another value, or fails
   */
  async recheck(run: Run, signal?: AbortSignal): Promise<void> {
    refuseOtherMeasures(run, this.simulation.measures);
    const { checkStored } = this.settings;
    const match = this.#matchOf(run);
    if (match === undefined || checkStored === false) return;
    if (match.isKnown && checkStored !== true) return;
    const count = match.isKnown ? 1 : sampleSize;
    const samples = await this.#generateAgain(run, match.code, count, signal);
    const differing = samples.filter((sample) => differenceOf(sample) !== undefined);
    if (differing.length === 0) return;
    const cause = match.isKnown
      ? 'its code is the same, but its values depend on more than their seed and parameters: on its ' +
        'environment, a file that it reads, or chance'
      : 'its values differ';
    throw new ChangedSimulationError(run.id, `${cause}; ${this.#described(differing)}`);
  }

  /**
   * Checks the simulation before the run is gone on with.
   * @param accepts true when a change is to be accepted
   * @returns the fingerprint that the run has to accept; undefined when it has
   * @throws ChangedSimulationError when a change is not to be accepted
   * @throws InvalidInputError when the run has accepted as many as it keeps
   */
  async toAccept(
    run: Run,
    accepts: boolean,
    signal?: AbortSignal,
  ): Promise<Fingerprint | undefined> {
    try {
      await this.codeOf(run, signal);
      await this.recheck(run, signal);
      return undefined;
    } catch (error) {
      if (!accepts || !(error instanceof ChangedSimulationError && error.isAcceptable)) throw error;
      if (run.simulation.length < mostAccepted) return this.simulation.fingerprint;
      const expected = `false: run ${run.id} has accepted ${mostAccepted - 1} changes, the most that it keeps`;
      throw new InvalidInputError('acceptChangedSimulation', expected, true, { cause: error });
    }
  }

  /** Undefined when the run accepts other code alone. Of equal ones the last counts: it was accepted last. */
  #matchOf({ simulation }: Run): { readonly code: number; readonly isKnown: boolean } | undefined {
    const relations = simulation.map((accepted) =>
      Fingerprint.areSame(accepted, this.simulation.fingerprint),
    );
    const same = relations.lastIndexOf(true);
    if (same >= 0) return { code: same, isKnown: true };
    const incomparable = relations.lastIndexOf(undefined);
    return incomparable < 0 ? undefined : { code: incomparable, isKnown: false };
  }

  /** @param code of which code the iterations are. Default: any */
  async #generateAgain(
    run: Run,
    code: number | undefined,
    count: number,
    signal: AbortSignal | undefined,
  ): Promise<Sample[]> {
    const stored = await this.#storedOf(run, code);
    const last = stored.length - 1;
    const places = new Set(
      Array.from({ length: count }, (_, part) =>
        Math.round((part * last) / Math.max(1, count - 1)),
      ),
    );
    const stop = new Stop();
    const cancel = (): void => stop.stop(signal?.reason);
    if (signal?.aborted === true) cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    const cancelled = stop.stopped.then(() => {
      throw new CancelledError(run.id, undefined, { cause: signal?.reason });
    });
    const again = async (): Promise<Sample[]> => {
      const samples: Sample[] = [];
      for (const place of places) {
        const value = stored[place];
        if (value !== undefined && !stop.isStopped) {
          samples.push(await this.#again(run, value, stop));
        }
      }
      return samples;
    };
    try {
      return await Promise.race([cancelled, again()]);
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  /** The lowest stored iterations of this code, as many as come at once; none where they are far behind others. */
  async #storedOf(run: Run, code: number | undefined): Promise<readonly IterationValue[]> {
    const first = code === undefined ? 0 : await this.#firstOf(run, code);
    if (first === undefined) return [];
    for await (const batch of this.values.read(run.id, first as IterationId)) {
      return code === undefined ? batch : batch.filter((value) => (value.code ?? 0) === code);
    }
    return [];
  }

  async #firstOf(run: Run, code: number): Promise<number | undefined> {
    for await (const { iterationIds, codes } of this.values.scan(run.id)) {
      const place = codes === undefined ? (code === 0 ? 0 : -1) : codes.indexOf(code);
      if (place >= 0) return iterationIds[place];
      if (iterationIds.at(-1)! >= farthest) return undefined;
    }
    return undefined;
  }

  async #again(run: Run, stored: IterationValue, stop: Stop): Promise<Sample> {
    const { iterationId } = stored;
    const { generate } = this.simulation;
    const identity = RunIdentity.of(run);
    const waits = new RandomStream(run.seed, iterationId, FirstBlock.backoff);
    for (let attempts = 1; ; attempts += 1) {
      const attempt = new Attempt(stop);
      try {
        const drawn = await attempt.draw(generate, identity, iterationId, this.settings);
        const again = this.simulation.valueOf(iterationId, drawn);
        return { iterationId, stored, again, reason: undefined };
      } catch (thrown) {
        const backoffMs = this.settings.retries.backoff(attempts, thrown, waits);
        if (backoffMs === undefined || stop.isStopped) {
          return { iterationId, stored, again: undefined, reason: messageOf(thrown) };
        }
        await this.#sleep(backoffMs, stop);
      } finally {
        attempt.close();
      }
    }
  }

  async #sleep(ms: number, stop: Stop): Promise<void> {
    const sleeper = stop.open();
    await this.settings.clock.sleep(ms, sleeper.signal).finally(() => stop.close(sleeper));
  }

  #described(samples: readonly Sample[]): string {
    return samples
      .map((sample) => {
        const { iterationId, again, reason = '' } = sample;
        const place = differenceOf(sample) ?? 0;
        const outcome = again === undefined ? `failed (${reason})` : `came to ${at(again, place)}`;
        const measure = this.simulation.declaresMeasures
          ? ` of ${this.simulation.measures[place]}`
          : '';
        return (
          `iteration ${iterationId}, generated again, ${outcome}${measure}, ` +
          `and ${at(sample.stored, place)} is stored`
        );
      })
      .join('; ');
  }

  #explained(samples: readonly Sample[]): string {
    if (samples.length === 0) return '';
    const differing = samples.filter((sample) => differenceOf(sample) !== undefined);
    if (differing.length > 0) return `; ${this.#described(differing)}`;
    const ids = samples.map(({ iterationId }) => iterationId).join(', ');
    return (
      `; of its stored iterations ${ids} came to the same value${samples.length === 1 ? '' : 's'} again, ` +
      'which proves nothing of the others'
    );
  }
}

/** The place of the first measure that came to another number; undefined when all are the same. */
function differenceOf({ stored, again }: Sample): number | undefined {
  if (again?.value !== stored.value) return 0;
  const { more = [] } = again;
  const place = more.findIndex((number, index) => number !== stored.more?.[index]);
  return place < 0 ? undefined : place + 1;
}

function at({ value, more }: MeasuredValue, place: number): number | undefined {
  return place === 0 ? value : more?.[place - 1];
}
