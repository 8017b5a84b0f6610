import { isError } from '../errors/thrown.js';
import type { Orchestrator, RunResult } from '../ports/orchestrator.js';
import type { Stores } from '../ports/stores.js';
import type { RunId } from '../run/numbers.js';
import { parseRunRequest, type RunRequest } from '../run/request.js';
import type { Run } from '../run/run.js';
import type { ValueGenerator } from '../simulation/generator.js';
import type { Clock } from '../time/clock.js';
import { AggregateAndStoreValue } from '../steps/aggregate-and-store-value.js';
import type { ChaosSchedule, Fault } from './chaos-schedule.js';
import {
  faultyStores,
  injectedMark,
  JumpingClock,
  Life,
  type ChaosHooks,
} from './faulty-stores.js';
import { describe, errorOf, examine, examineLedger, oracleValue, type Finding } from './oracle.js';

/** What an orchestrator is made of for one life. */
export interface ChaosParts {
  readonly stores: Stores;
  readonly clock: Clock;
  readonly concurrency: number;
  readonly generator: ValueGenerator;
}

/** The stores, and the orchestrator over them, that are to endure. */
export interface ChaosSubject {
  /** Heads the report. */
  readonly name: string;
  /** Opens the stores as a new process does: what was acknowledged before must be there. */
  readonly open: () => Stores | Promise<Stores>;
  readonly orchestrator: (parts: ChaosParts) => Orchestrator;
  /** The clock of one life. */
  readonly clock: () => Clock;
  /** The run that was asked for, if there is one. Default: what its idempotency key leads to. */
  readonly find?: ((stores: Stores, request: RunRequest) => Promise<Run | undefined>) | undefined;
  /** Whether an error is one that the subject's own surroundings have injected. Default: none is. */
  readonly isExpected?: ((error: Error) => boolean) | undefined;
  readonly hooks?: ChaosHooks | undefined;
}

/** How a run has endured its schedule. */
export interface ChaosOutcome {
  /** How many processes it took. */
  readonly lives: number;
  readonly injected: ReadonlyMap<Fault, number>;
  /** Empty when all is as it must be. */
  readonly findings: readonly Finding[];
}

/** A run that did not come to its end after so many lives never will: the last ones are calm. */
const mostLives = 12;

/**
 * Takes a run of the oracle's simulation to its end through all that its schedule has in store,
 * taking it up again after each kill and each injected error, and examines it.
 * @param life which one this is: not 0 in a process that goes on where another was killed
 */
export async function endure(
  schedule: ChaosSchedule,
  subject: ChaosSubject,
  life = 0,
): Promise<ChaosOutcome> {
  return new Endurance(schedule, subject).toTheEnd(life);
}

class Endurance {
  readonly #findings: Finding[] = [];
  readonly #late: (() => Promise<unknown>)[] = [];
  readonly #request: RunRequest;

  constructor(
    private readonly schedule: ChaosSchedule,
    private readonly subject: ChaosSubject,
  ) {
    this.#request = {
      repetitions: schedule.repetitionsAtFirst,
      seed: schedule.seed,
      idempotencyKey: schedule.idempotencyKey,
    };
  }

  async toTheEnd(first: number): Promise<ChaosOutcome> {
    let life = first;
    while (life < mostLives && !(await this.#live(life)) && this.#findings.length === 0) life += 1;
    if (life === mostLives) this.#note('end', `not after ${mostLives} lives`);
    if (this.#findings.length === 0) await this.#examine();
    return { lives: life + 1, injected: this.schedule.injected, findings: this.#findings };
  }

  /** True when the run has come to its end. */
  async #live(number: number): Promise<boolean> {
    this.schedule.begin(number);
    const stores = await this.subject.open();
    if (number === 0) await this.#examineIds(stores);
    const run = number === 0 ? undefined : await this.#find(stores);
    if (run !== undefined) await this.#examineUnfinished(stores, run);
    const life = new Life(this.schedule, this.subject.hooks ?? {});
    const works = [this.#work(faultyStores(stores, life), run)];
    if (this.schedule.isJoined()) {
      this.schedule.note('second process');
      works.push(this.#work(faultyStores(stores, life), run));
    }
    const ended = await Promise.race([Promise.all(works), life.killed.then(() => [false])]);
    this.#late.push(...life.late);
    return ended.every(Boolean);
  }

  async #find(stores: Stores): Promise<Run | undefined> {
    const { find } = this.subject;
    if (find !== undefined) return find(stores, this.#request);
    return stores.runs.allocate(parseRunRequest(this.#request));
  }

  /** False when an injected fault got in the way. */
  async #work(stores: Stores, run: Run | undefined): Promise<boolean> {
    const { schedule, subject } = this;
    const orchestrator = subject.orchestrator({
      stores,
      clock: new JumpingClock(subject.clock(), schedule),
      concurrency: schedule.concurrency,
      generator: this.#generator(),
    });
    try {
      const { run: begun } = await this.#begin(orchestrator, run);
      if (begun.repetitions === schedule.repetitions) return true;
      await orchestrator.resume(begun.id, { repetitions: schedule.repetitions });
      return true;
    } catch (error) {
      if (!this.#isExpected(error)) this.#note('end', describe(error));
      return false;
    }
  }

  #isExpected(error: unknown): boolean {
    if (!isError(error)) return false;
    if (error.message.includes(injectedMark) || this.subject.isExpected?.(error) === true)
      return true;
    // Whoever averages a run that another process extends meanwhile finds it incomplete.
    const { repetitions, repetitionsAtFirst } = this.schedule;
    return error.name === 'IncompleteRunError' && repetitions !== repetitionsAtFirst;
  }

  #begin(orchestrator: Orchestrator, run: Run | undefined): Promise<RunResult> {
    // One that was extended is no longer what was asked for under its key.
    const isAsAsked = run === undefined || run.repetitions === this.#request.repetitions;
    if (isAsAsked && (run === undefined || this.schedule.asksAgain())) {
      return orchestrator.run(this.#request);
    }
    return orchestrator.resume(run.id);
  }

  /** The oracle's simulation, half of it asynchronous, which fails now and then. */
  #generator(): ValueGenerator {
    return (context) => {
      if (this.schedule.generatorFails()) {
        this.schedule.note('generator failure');
        throw new Error(`${injectedMark} no value`);
      }
      const value = oracleValue(context);
      return context.iterationId % 2 === 0 ? value : Promise.resolve(value);
    };
  }

  /** Runs that are begun side by side are different ones. */
  async #examineIds({ runs }: Stores): Promise<void> {
    const { idempotencyKey } = this.schedule;
    const begun = await Promise.all(
      [1, 2, 3].map((index) => {
        const key = `${idempotencyKey}-beside-${index}`;
        return runs.allocate(parseRunRequest({ repetitions: 1, seed: index, idempotencyKey: key }));
      }),
    );
    const ids = begun.map(({ id }) => id);
    if (new Set(ids).size < 3) this.#note('run ids', `three runs got ${ids.join(', ')}`);
  }

  /** A run that has not ended adds up, and has no average that pretends it has. */
  async #examineUnfinished(stores: Stores, run: Run): Promise<void> {
    this.#findings.push(...(await examineLedger(stores, run.id)));
    if (await isDone(stores, run)) return;
    const error = await errorOf(new AggregateAndStoreValue(stores).execute(run.id));
    if (isError(error) && error.name === 'IncompleteRunError') return;
    // Where work goes on without its process, the run may have come to its end just now.
    if (error === undefined && (await isDone(stores, run))) return;
    this.#note('early average', `asked for before the end: ${describe(error)}`);
  }

  async #examine(): Promise<void> {
    const stores = await this.subject.open();
    const run = await this.#find(stores);
    if (run === undefined) {
      this.#note('end', 'there is no such run');
      return;
    }
    const { id, repetitions } = run;
    await this.#deliverLate(stores, id);
    if (repetitions !== this.schedule.repetitions) {
      this.#note('end', `with ${repetitions} of ${this.schedule.repetitions} repetitions`);
    }
    this.#findings.push(...(await examine(stores, id, this.schedule.repetitions)));
  }

  /** What comes after the average was taken changes nothing. */
  async #deliverLate(stores: Stores, id: RunId): Promise<void> {
    const again = (): Promise<unknown> => new AggregateAndStoreValue(stores).execute(id);
    for (const call of [...this.#late, again]) {
      const error = await errorOf(call());
      if (error !== undefined) this.#note('end', `a late delivery: ${describe(error)}`);
    }
  }

  #note(check: Finding['check'], detail: string): void {
    this.#findings.push({ check, detail });
  }
}

async function isDone({ failures }: Stores, { id }: Run): Promise<boolean> {
  const { requested, completed } = await failures.ledger(id);
  return completed === requested;
}
