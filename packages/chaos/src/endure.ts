import { isError, type Orchestrator, type Run, type RunId } from '@stepcompute/core';
import type { RunRequest, RunResult, Stores, ValueGenerator } from '@stepcompute/core';
import { AggregateAndStoreValue, parseRunRequest } from '@stepcompute/core/adapters';
import type { ChaosSchedule, Fault } from './chaos-schedule.js';
import type { ChaosSubject } from './chaos-subject.js';
import { injectedMark, Life } from './life.js';
import { errorOf, examine, examineLedger, oracleValue, textOf, type Finding } from './oracle.js';

/** The end of a run that was taken through its schedule. */
export interface ChaosOutcome {
  /** How many processes it took. */
  readonly lives: number;
  readonly injected: ReadonlyMap<Fault, number>;
  /** Empty when all is as it must be. */
  readonly findings: readonly Finding[];
}

/** The last of these lives are calm: a run that has not come to its end after them never will. */
const mostLives = 12;

/**
 * Takes a run of the oracle's simulation through its schedule to its end, resumes it after each kill
 * and each injected error, and examines it.
 * @param life the number of this one: above 0 in a process that goes on where another was killed
 * @returns how the run ended: a wrong value or an unexpected error is among its findings, and rejects nothing
 * @throws InvalidInputError when `life` is not an integer of 0 or more
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
    if (life >= mostLives) this.#note('end', `not after ${mostLives} lives`);
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
    const works = [this.#work(life, stores, run)];
    if (this.schedule.isJoined()) {
      this.schedule.note('second process');
      works.push(this.#work(life, stores, run));
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
  async #work(life: Life, stores: Stores, run: Run | undefined): Promise<boolean> {
    const { schedule, subject } = this;
    const orchestrator = subject.orchestrator({
      stores: life.stores(stores),
      clock: life.clock(subject.clock()),
      concurrency: schedule.concurrency,
      generator: this.#generator(),
    });
    try {
      const { run: begun } = await this.#begin(orchestrator, run);
      if (begun.repetitions === schedule.repetitions) return true;
      await orchestrator.resume(begun.id, { repetitions: schedule.repetitions });
      return true;
    } catch (error) {
      if (!this.#isExpected(error)) this.#note('end', textOf(error));
      return false;
    }
  }

  #isExpected(error: unknown): boolean {
    if (!isError(error)) return false;
    if (error.message.includes(injectedMark) || this.subject.isExpected?.(error) === true)
      return true;
    // A process that averages a run while another extends it finds it incomplete.
    const { repetitions, repetitionsAtFirst } = this.schedule;
    return error.name === 'IncompleteRunError' && repetitions !== repetitionsAtFirst;
  }

  #begin(orchestrator: Orchestrator, run: Run | undefined): Promise<RunResult> {
    // A run that was extended differs from the request under its key.
    const isAsAsked = run === undefined || run.repetitions === this.#request.repetitions;
    if (isAsAsked && (run === undefined || this.schedule.asksAgain())) {
      return orchestrator.run(this.#request);
    }
    return orchestrator.resume(run.id);
  }

  /** The oracle's simulation. It fails now and then, and every other value comes asynchronously. */
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

  /** Runs that begin at the same moment have different ids. */
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

  /** The ledger of an unfinished run adds up, and its average is refused. */
  async #examineUnfinished(stores: Stores, run: Run): Promise<void> {
    this.#findings.push(...(await examineLedger(stores, run.id)));
    if (await isDone(stores, run)) return;
    const error = await errorOf(new AggregateAndStoreValue(stores).execute(run.id));
    if (isError(error) && error.name === 'IncompleteRunError') return;
    // Work that goes on without its process may have completed the run just now.
    if (error === undefined && (await isDone(stores, run))) return;
    this.#note('early average', `asked for before the end: ${textOf(error)}`);
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

  /** A delivery that comes after the average was stored changes nothing. */
  async #deliverLate(stores: Stores, id: RunId): Promise<void> {
    const again = (): Promise<unknown> => new AggregateAndStoreValue(stores).execute(id);
    for (const call of [...this.#late, again]) {
      const error = await errorOf(call());
      if (error !== undefined) this.#note('end', `a late delivery: ${textOf(error)}`);
    }
  }

  #note(check: Finding['check'], detail: string): void {
    this.#findings.push({ check, detail });
  }
}

/** By the iterations that have no value: a ledger may be what is wrong. */
async function isDone({ values }: Stores, { id }: Run): Promise<boolean> {
  return (await values.missing(id)).length === 0;
}
