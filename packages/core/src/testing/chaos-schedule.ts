import { IterationId, Seed } from '../run/numbers.js';
import { RandomStream } from '../simulation/random-stream.js';

/** What may befall a call of a store. */
export type StoreFault =
  /** The process is gone before the call has had any effect. */
  | 'kill before'
  /** The process is gone when the call is done, and before anyone knows. */
  | 'kill after'
  /** The call is done, but what comes back is an error. */
  | 'lost acknowledgement'
  /** The call is refused, and may be repeated. */
  | 'throttling'
  /** The call is done twice. */
  | 'duplicate delivery'
  /** The call is done, and once more long after the run's end. */
  | 'late delivery'
  /** The database goes away under the call, and comes back. */
  | 'database restart';

const storeFaults: readonly StoreFault[] = [
  'kill before',
  'kill after',
  'lost acknowledgement',
  'throttling',
  'duplicate delivery',
  'late delivery',
  'database restart',
];

/** Everything that is injected. */
export type Fault =
  | StoreFault
  /** The generator throws. */
  | 'generator failure'
  /** The clock is an hour ahead or behind from now on. */
  | 'clock jump'
  /** Another process works on the same run at the same time. */
  | 'second process';

/** So many faults befall one process; then it is left in peace. */
const mostFaults = 5;

/**
 * What befalls a run, all of it drawn from a seed and a number: the same two give the same schedule,
 * call by call. A run that is taken up again after a kill meets the faults of its next life.
 */
export class ChaosSchedule {
  readonly repetitions: number;
  /** With how many it begins; the rest comes by extending it. */
  readonly repetitionsAtFirst: number;
  readonly concurrency: number;
  /** How often each fault was injected. */
  readonly injected = new Map<Fault, number>();
  /** Which life it is, from 0: how often the run was taken up again. */
  life = 0;
  #draws: RandomStream;
  #left = mostFaults;

  /**
   * @param seed of all schedules
   * @param number of this one, from 0
   */
  constructor(
    readonly seed: number,
    readonly number: number,
  ) {
    const draws = this.#drawsOf(0);
    this.repetitions = draws.integer(1, 300);
    this.repetitionsAtFirst = this.#chance(draws, 0.3)
      ? draws.integer(1, this.repetitions)
      : this.repetitions;
    this.concurrency = draws.integer(1, 40);
    this.#draws = draws;
  }

  /** What the run is asked for under. */
  get idempotencyKey(): string {
    return `chaos-${this.seed}-${this.number}`;
  }

  /**
   * Begins another life.
   * @param life its number, from 0
   */
  begin(life: number): void {
    this.life = life;
    this.#draws = this.#drawsOf(life + 1);
    // The lives after the first few are calm, so that every run comes to its end.
    this.#left = life < 6 ? mostFaults : 0;
  }

  /**
   * What befalls the next call of a store.
   * @param isPossible which faults can befall it
   */
  storeFault(isPossible: (fault: StoreFault) => boolean): StoreFault | undefined {
    if (this.#left === 0 || !this.#chance(this.#draws, 0.2)) return undefined;
    const possible = storeFaults.filter(isPossible);
    return possible[this.#draws.integer(0, possible.length - 1)];
  }

  /** Whether the generator's next call fails. */
  generatorFails(): boolean {
    return this.#left > 0 && this.#chance(this.#draws, 0.004);
  }

  /** By how much the clock jumps before it is read, in milliseconds. */
  clockJump(): number | undefined {
    if (this.#left === 0 || !this.#chance(this.#draws, 0.01)) return undefined;
    return this.#chance(this.#draws, 0.5) ? 3_600_000 : -3_600_000;
  }

  /** Whether a second process joins in this life. */
  isJoined(): boolean {
    return this.#chance(this.#draws, 0.2);
  }

  /** Whether a run whose id is known is asked for again under its key instead of resumed. */
  asksAgain(): boolean {
    return this.#chance(this.#draws, 0.5);
  }

  /** Notes that a fault was injected. */
  note(fault: Fault): void {
    this.#left = Math.max(0, this.#left - 1);
    this.injected.set(fault, (this.injected.get(fault) ?? 0) + 1);
  }

  #drawsOf(part: number): RandomStream {
    // A hundred parts for each schedule: no two share their random numbers.
    return new RandomStream(Seed.parse(this.seed), IterationId.parse(this.number * 100 + part));
  }

  #chance(draws: RandomStream, likelihood: number): boolean {
    return draws.uniform() < likelihood;
  }
}
