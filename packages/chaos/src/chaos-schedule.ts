import { IterationId, RandomStream, Seed } from '@stepcompute/core';
import { parseInteger } from '@stepcompute/core/adapters';
import type { OracleParameters } from './oracle.js';

/** A fault at a call of a store. */
export type StoreFault =
  /** The process is gone before the call has had any effect. */
  | 'kill before'
  /** The process is gone when the call is done, and before anyone knows. */
  | 'kill after'
  /** The call is done, but its caller gets an error. */
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

/** A process whose simulation is not the run's: its values differ. */
export type SimulationFault =
  /** It has another version. */
  | 'changed simulation'
  /** It has no version, so that its values alone can tell. */
  | 'simulation without version'
  /** It has another version, and the change is accepted. */
  | 'accepted change';

const simulationFaults: readonly SimulationFault[] = [
  'changed simulation',
  'simulation without version',
  'accepted change',
];

/** Everything that a schedule injects. */
export type Fault =
  | StoreFault
  | SimulationFault
  /** The generator throws. */
  | 'generator failure'
  /** The clock is an hour ahead or behind from now on. */
  | 'clock jump'
  /** Another process works on the same run at the same time. */
  | 'second process'
  /** While a run is averaged, a value comes to a place that the scan has passed. */
  | 'value behind a scan';

/** A life meets at most this many faults; after them it is left in peace. */
const mostFaults = 5;

/** Lives from this one on meet no fault, so that every run comes to its end. */
const firstCalmLife = 6;

/**
 * A schedule draws from this many random streams: one for its run, one for each of its lives. They
 * are those of iterations 100 × number to 100 × number + 99, so that no two schedules share any.
 */
const streamsPerSchedule = 100;

/**
 * The faults that one run meets. They are drawn from a seed and a number: the same two give the same
 * schedule, call by call. A run that is resumed after a kill meets the faults of its next life.
 */
export class ChaosSchedule {
  /** The highest number, 9,999,999: its streams are those of the last iterations that a run can have. */
  static readonly maximumNumber = Math.floor((IterationId.maximum + 1) / streamsPerSchedule) - 1;

  readonly repetitions: number;
  /** The run begins with this many; it is extended by the others. */
  readonly repetitionsAtFirst: number;
  readonly concurrency: number;
  /** How many of the run's iterations may fail, until it is resumed for them. */
  readonly tolerance: number;
  /** True when the run is deleted after its end. */
  readonly isDeleted: boolean;
  /** Those of the run. */
  readonly parameters: OracleParameters;
  /** How often each fault was injected. */
  readonly injected = new Map<Fault, number>();
  /** The life that goes on, from 0. */
  life = 0;
  #draws: RandomStream;
  #left = mostFaults;

  /**
   * @param seed from which all schedules are drawn, and the run's own: 0 to {@link Seed.maximum}
   * @param number of this one: 0 to {@link ChaosSchedule.maximumNumber}
   * @throws InvalidInputError when one of them is no such integer
   */
  constructor(
    readonly seed: number,
    readonly number: number,
  ) {
    Seed.parse(seed);
    parseInteger(number, 'schedule number', 0, ChaosSchedule.maximumNumber);
    const draws = this.#stream(0);
    this.repetitions = draws.integer(1, 300);
    this.repetitionsAtFirst = this.#chance(draws, 0.3)
      ? draws.integer(1, this.repetitions)
      : this.repetitions;
    this.concurrency = draws.integer(1, 40);
    // None is a default of the oracle's, so that one that is lost shows.
    this.parameters = { scale: draws.integer(2, 9), offset: draws.integer(1, 999) };
    this.tolerance = this.#chance(draws, 0.6) ? draws.integer(1, 5) : 0;
    this.isDeleted = this.#chance(draws, 0.5);
    this.#draws = draws;
  }

  /** The run's key. */
  get idempotencyKey(): string {
    return `chaos-${this.seed}-${this.number}`;
  }

  /**
   * Begins another life.
   * @param life its number, from 0
   * @throws InvalidInputError when `life` is not an integer from 0 to 98
   */
  begin(life: number): void {
    this.life = parseInteger(life, 'life', 0, streamsPerSchedule - 2);
    this.#draws = this.#stream(life + 1);
    this.#left = life < firstCalmLife ? mostFaults : 0;
  }

  /**
   * The fault at the next call of a store, if it meets one.
   * @param isPossible tells which faults that call can meet
   */
  storeFault(isPossible: (fault: StoreFault) => boolean): StoreFault | undefined {
    return this.#fault(0.2, storeFaults.filter(isPossible));
  }

  /**
   * The fault of a process that begins, if its simulation is not the run's.
   * @param isPossible tells which faults that process can have
   */
  simulationFault(isPossible: (fault: SimulationFault) => boolean): SimulationFault | undefined {
    return this.#fault(0.4, simulationFaults.filter(isPossible));
  }

  /** True when the generator's next call is to fail. */
  generatorFails(): boolean {
    // Of a run that tolerates it, more often: else few would be averaged without one.
    return this.#left > 0 && this.#chance(this.#draws, this.tolerance > 0 ? 0.02 : 0.004);
  }

  /**
   * True when a value is to come to a place that a scan has passed: nearly always where it can, whatever
   * else the life has met, since few scans pass a place without one.
   */
  comesBehind(): boolean {
    return this.life < firstCalmLife && this.#chance(this.#draws, 0.9);
  }

  /** The jump of the clock before it is read, in milliseconds, if it jumps. */
  clockJump(): number | undefined {
    if (this.#left === 0 || !this.#chance(this.#draws, 0.01)) return undefined;
    return this.#chance(this.#draws, 0.5) ? 3_600_000 : -3_600_000;
  }

  /** True when a second process is to join in this life. */
  isJoined(): boolean {
    return this.#chance(this.#draws, 0.2);
  }

  /** True when a run whose id is known is to be asked for again under its key instead of resumed. */
  asksAgain(): boolean {
    return this.#chance(this.#draws, 0.5);
  }

  /** Counts a fault that was injected. */
  note(fault: Fault): void {
    this.#left = Math.max(0, this.#left - 1);
    this.injected.set(fault, (this.injected.get(fault) ?? 0) + 1);
  }

  #fault<F extends Fault>(likelihood: number, possible: readonly F[]): F | undefined {
    if (this.#left === 0 || !this.#chance(this.#draws, likelihood)) return undefined;
    return possible.length === 0
      ? undefined
      : possible[this.#draws.integer(0, possible.length - 1)];
  }

  #stream(part: number): RandomStream {
    const id = this.number * streamsPerSchedule + part;
    return new RandomStream(Seed.parse(this.seed), IterationId.parse(id));
  }

  #chance(draws: RandomStream, likelihood: number): boolean {
    return draws.uniform() < likelihood;
  }
}
