import {
  DeletedRunError,
  deleteRun,
  isError,
  IterationId,
  Seed,
  type Fingerprint,
  type Orchestrator,
} from '@stepcompute/core';
import type { IterationValue, Run, RunChange, RunId, RunResult, Stores } from '@stepcompute/core';
import { AggregateAndStoreValue, parseRunRequest, refuseUnknown } from '@stepcompute/core/adapters';
import { ChaosSchedule, type Fault, type SimulationFault } from './chaos-schedule.js';
import { hookFields, subjectFields, type ChaosParts, type ChaosSubject } from './chaos-subject.js';
import { interceptedStores } from './intercepted-stores.js';
import { injectedMark, Life, type LateCall } from './life.js';
import {
  changedBy,
  errorOf,
  examine,
  examineLedger,
  oracle,
  oracleRun,
  oracleValue,
  oracleVersions,
  textOf,
  type AskedRun,
  type Finding,
} from './oracle.js';

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
/** So many more may it take to delete it. */
const mostLivesToDelete = 12;

/**
 * Takes a run of the oracle's simulation through its schedule to its end, resumes it after each kill,
 * each injected error and each refusal of a changed simulation, and examines it. Where the schedule says so,
 * the run is deleted then, in the same way, and what is left is examined.
 * @param life the number of this one: above 0 in a process that goes on where another was killed
 * @returns how the run ended: a wrong value or an unexpected error is among its findings, and rejects nothing
 * @throws InvalidInputError when `life` is not an integer of 0 or more, or the subject has another field
 */
export async function endure(
  schedule: ChaosSchedule,
  subject: ChaosSubject,
  life = 0,
): Promise<ChaosOutcome> {
  refuseUnknown(subject, 'subject', subjectFields);
  refuseUnknown(subject.hooks ?? {}, 'hooks', hookFields);
  const here = new Endurance(schedule, subject).toTheEnd(life);
  const { elsewhere } = subject;
  if (elsewhere === undefined) return here;
  const other = new ChaosSchedule(
    schedule.seed === Seed.maximum ? 0 : schedule.seed + 1,
    schedule.number,
  );
  const beside = new Endurance(other, { ...subject, open: elsewhere }).toTheEnd(life);
  return joined(...(await Promise.all([here, beside])));
}

function joined(here: ChaosOutcome, elsewhere: ChaosOutcome): ChaosOutcome {
  const injected = new Map(here.injected);
  for (const [fault, count] of elsewhere.injected) {
    injected.set(fault, (injected.get(fault) ?? 0) + count);
  }
  const findings = elsewhere.findings.map(({ check, detail }) => ({
    check,
    detail: `elsewhere: ${detail}`,
  }));
  return { lives: here.lives, injected, findings: [...here.findings, ...findings] };
}

/** A run that has come to its end. */
interface Ended {
  /** As it was found then. */
  readonly ended?: Run | undefined;
  /** Its id, where a process before has begun to delete it. */
  readonly deleted?: RunId | undefined;
}

class Endurance {
  readonly #findings: Finding[] = [];
  readonly #late: LateCall[] = [];
  readonly #request: AskedRun['request'] & { readonly idempotencyKey: string };

  constructor(
    private readonly schedule: ChaosSchedule,
    private readonly subject: ChaosSubject,
  ) {
    this.#request = {
      repetitions: schedule.repetitionsAtFirst,
      seed: schedule.seed,
      parameters: schedule.parameters,
      tolerance: schedule.tolerance,
      idempotencyKey: schedule.idempotencyKey,
    };
  }

  async toTheEnd(first: number): Promise<ChaosOutcome> {
    let life = first;
    let found = await this.#look(life);
    // One that is deleted has been examined by a process before.
    if (found.deleted === undefined) {
      while (life < mostLives && !(await this.#live(life)) && this.#findings.length === 0) {
        life += 1;
      }
      if (life >= mostLives) this.#note('end', `not after ${mostLives} lives`);
      if (this.#findings.length === 0) found = { ended: await this.#examine() };
      life += 1;
    }
    if (this.schedule.isDeleted && this.#findings.length === 0) {
      life = await this.#delete(life, found);
    }
    return { lives: life, injected: this.schedule.injected, findings: this.#findings };
  }

  /** Looks if a process before this one has begun to delete the run. */
  async #look(life: number): Promise<Ended> {
    if (life === 0 || !this.schedule.isDeleted) return {};
    try {
      await this.#find(await this.subject.open());
      return {};
    } catch (error) {
      if (error instanceof DeletedRunError) return { deleted: error.runId };
      throw error;
    }
  }

  /**
   * Deletes the run in life after life, while others write to it late.
   * @returns the number of the life after the last
   */
  async #delete(first: number, { ended, deleted = ended?.id }: Ended): Promise<number> {
    if (deleted === undefined) return first;
    const id = deleted;
    const stored = ended && (await valuesOf(await this.subject.open(), id));
    let swept = 0;
    const end = first + mostLivesToDelete;
    let number = first;
    for (let isDone = false; !isDone && number < end; number += 1) {
      this.schedule.begin(number);
      const stores = await this.subject.open();
      const life = new Life(this.schedule, this.subject.hooks ?? {}, (check, detail) =>
        this.#note(check, detail),
      );
      const counted = countingSweeps(stores, (values) => (swept += values));
      const deletion = errorOf(deleteRun(life.stores(counted), id));
      if (stored?.[0] !== undefined && this.schedule.isJoined()) {
        this.schedule.note('second process');
        await this.#writeLate(stores, id, stored[0]);
      }
      const error = await Promise.race([deletion, life.killed.then(() => 'killed' as const)]);
      isDone = error === undefined;
      if (isDone || error === 'killed' || this.#isExpected(error)) continue;
      this.#note('deleted run', textOf(error));
      return number;
    }
    const stores = await this.subject.open();
    const { hooks, losesAnswers = hooks?.restart !== undefined } = this.subject;
    if (!losesAnswers && stored !== undefined && swept < stored.length) {
      this.#note('deleted run', `${swept} of ${stored.length} values were deleted`);
    }
    await this.#examineDeleted(stores, id, ended);
    return number;
  }

  /** Writes a value again: it changes nothing before the run is deleted, and is refused afterwards. */
  async #writeLate({ values }: Stores, id: RunId, value: IterationValue): Promise<void> {
    const error = await errorOf(values.write(id, [value]));
    if (error === undefined || isNotFound(error)) return;
    this.#note('deleted run', `a value that was written meanwhile: ${textOf(error)}`);
  }

  async #examineDeleted(stores: Stores, id: RunId, ended: Run | undefined): Promise<void> {
    const { runs, values } = stores;
    const value = { iterationId: IterationId.parse(0), value: 0.5, more: [0.5] };
    const calls: LateCall[] = [
      ...this.#late,
      { method: 'values.write', call: () => values.write(id, [value]) },
      { method: 'runs.get', call: () => runs.get(id) },
    ];
    for (const { method, call } of calls) {
      const error = await errorOf(call());
      // Averages, which may be elsewhere, know no runs: a late one is deleted when that is repeated.
      const isRight = isNotFound(error) || (method === 'averages.save' && error === undefined);
      if (!isRight) this.#note('deleted run', `${method} afterwards: ${textOf(error)}`);
    }
    await deleteRun(stores, id);
    const { values: left, failures, averages } = await deleteRun(stores, id);
    if (left + failures + averages > 0) {
      const detail = `${left} values, ${failures} failures and ${averages} averages were left`;
      this.#note('deleted run', detail);
    }
    const idempotencyKey = ended?.idempotencyKey ?? this.#request.idempotencyKey;
    const again = await errorOf(runs.allocate(oracleRun({ ...this.#request, idempotencyKey })));
    if (!isError(again) || again.name !== 'DeletedRunError') {
      this.#note('deleted run', `its key afterwards: ${textOf(again)}`);
    }
    if ((await runs.list({ limit: 20 })).some((run) => run.id === id)) {
      this.#note('deleted run', 'it is listed');
    }
  }

  /** True when the run has come to its end. */
  async #live(number: number): Promise<boolean> {
    this.schedule.begin(number);
    const stores = await this.subject.open();
    if (number === 0) await this.#examineIds(stores);
    const run = number === 0 ? undefined : await this.#find(stores);
    if (run !== undefined) await this.#examineUnfinished(stores, run);
    const life = new Life(this.schedule, this.subject.hooks ?? {}, (check, detail) =>
      this.#note(check, detail),
    );
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
    return stores.runs.allocate(oracleRun(this.#request));
  }

  /** False when an injected fault got in the way. */
  async #work(life: Life, stores: Stores, run: Run | undefined): Promise<boolean> {
    const { schedule, subject } = this;
    const fault = run && (await this.#simulationFault(stores, run.id));
    const changes: string[] = [];
    let seen = stores;
    if (fault !== undefined) {
      schedule.note(fault);
      seen = this.#watched(stores, run!.id, fault, changes);
    }
    const orchestrator = subject.orchestrator({
      stores: life.stores(seen),
      clock: life.clock(subject.clock()),
      concurrency: schedule.concurrency,
      generator: this.#generator(fault === undefined ? 0 : changedBy),
      simulationVersion: versionOf(fault),
    });
    try {
      const { repetitions } = schedule;
      const first = await this.#begin(orchestrator, run, fault);
      // One whose failures were tolerated is taken up again.
      if (first.run.repetitions === repetitions) return first.ledger.failed === 0;
      changes.length = 0;
      const change = { repetitions, ...acceptanceOf(fault) };
      return (await orchestrator.resume(first.run.id, change)).ledger.failed === 0;
    } catch (error) {
      if (this.#isExpected(error)) return false;
      if (this.#isRefusal(error, fault, run)) {
        for (const change of changes) this.#note('changed simulation', `refused after: ${change}`);
        return false;
      }
      // Two simulations were at work, of which the first value stays; a function's error is in a message.
      const isOfTwo = textOf(error).includes('ConflictingValueError');
      if (!isOfTwo || run === undefined || !(await accepts(stores, run.id))) {
        this.#note('end', textOf(error));
      }
      return false;
    }
  }

  async #simulationFault(stores: Stores, id: RunId): Promise<SimulationFault | undefined> {
    // Without a version, the stored values alone can tell.
    const hasValues = await hasValue(stores, id);
    return this.schedule.simulationFault(
      (fault) => fault !== 'simulation without version' || hasValues,
    );
  }

  /**
   * The stores as a process with this fault has them: it may change nothing of a run whose record does not
   * accept its simulation. It may average one that has all of its values, for which it needs none.
   * @param changes gets the method of each call that changes something
   */
  #watched(stores: Stores, id: RunId, fault: SimulationFault, changes: string[]): Stores {
    let wasDone = false;
    return interceptedStores(stores, async (call, isWrite, method) => {
      const isChange = isWrite || method === 'runs.reopen' || method === 'failures.clear';
      const isAcceptance = fault === 'accepted change' && method === 'runs.reopen';
      if (isChange && !isAcceptance) {
        changes.push(method);
        const isOfEnd = method === 'averages.save' || method === 'runs.finish';
        // Another may have extended it since: then its end says nothing.
        wasDone ||= isOfEnd && (await isDone(stores, id));
        const isAllowed = (await accepts(stores, id)) || (isOfEnd && wasDone);
        if (!isAllowed) this.#note('changed simulation', `${method} after ${fault}`);
      }
      return call();
    });
  }

  #isExpected(error: unknown): boolean {
    if (!isError(error)) return false;
    if (error.message.includes(injectedMark) || this.subject.isExpected?.(error) === true)
      return true;
    // A process that averages a run while another extends it, or takes up its failures, finds it incomplete.
    const { repetitions, repetitionsAtFirst, tolerance } = this.schedule;
    const isTakenUp = repetitions !== repetitionsAtFirst || tolerance > 0;
    return error.name === 'IncompleteRunError' && isTakenUp;
  }

  /** True of the error with which a changed simulation must end, unless its change was accepted before. */
  #isRefusal(error: unknown, fault: SimulationFault | undefined, run: Run | undefined): boolean {
    if (!isError(error) || fault === undefined || fault === 'accepted change') return false;
    // The request as first asked was of the first simulation, whatever was accepted since.
    if (error.name === 'ConflictingRunError') return versionOf(fault) !== undefined;
    return error.name === 'ChangedSimulationError' && run?.simulation.some(isChanged) !== true;
  }

  #begin(
    orchestrator: Orchestrator,
    run: Run | undefined,
    fault: SimulationFault | undefined,
  ): Promise<RunResult> {
    if (run === undefined) return orchestrator.run(this.#request);
    // A request accepts no change; a deployment's keys are its own; and one that is repeated answers with
    // the average that there is, also where failures were tolerated.
    const mustResume =
      fault === 'accepted change' ||
      (fault !== undefined && this.subject.isDeployed === true) ||
      (run.status === 'completed' && this.schedule.tolerance > 0);
    return this.schedule.asksAgain() && !mustResume
      ? orchestrator.run(this.#request)
      : orchestrator.resume(run.id, acceptanceOf(fault));
  }

  /**
   * The oracle's simulation. It fails now and then, and every other value comes asynchronously.
   * @param change what each of its values has more
   */
  #generator(change: number): ChaosParts['generator'] {
    return {
      ...oracle,
      generate: (context) => {
        if (this.schedule.generatorFails()) {
          this.schedule.note('generator failure');
          throw new Error(`${injectedMark} no value`);
        }
        const value = oracleValue(context, change);
        return context.iterationId % 2 === 0 ? value : Promise.resolve(value);
      },
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
    // One with tolerated failures may be averaged, and is taken up again.
    if (this.schedule.tolerance > 0 || (await isDone(stores, run.id))) return;
    const error = await errorOf(new AggregateAndStoreValue(stores).execute(run.id));
    if (isError(error) && error.name === 'IncompleteRunError') return;
    // Work that goes on without its process may have completed the run just now.
    if (error === undefined && (await isDone(stores, run.id))) return;
    this.#note('early average', `asked for before the end: ${textOf(error)}`);
  }

  async #examine(): Promise<Run | undefined> {
    const stores = await this.subject.open();
    const run = await this.#find(stores);
    if (run === undefined) {
      this.#note('end', 'there is no such run');
      return undefined;
    }
    const { id } = run;
    const { repetitions } = this.schedule;
    await this.#deliverLate(stores, id);
    if (run.repetitions !== repetitions) {
      this.#note('end', `with ${run.repetitions} of ${repetitions} repetitions`);
    }
    const { isDeployed } = this.subject;
    const asked = { request: this.#request, repetitions, isDeployed };
    this.#findings.push(...(await examine(stores, id, asked)));
    return run;
  }

  /** A delivery that comes after the average was stored changes nothing. */
  async #deliverLate(stores: Stores, id: RunId): Promise<void> {
    const again = (): Promise<unknown> => new AggregateAndStoreValue(stores).execute(id);
    for (const call of [...this.#late.map((late) => late.call), again]) {
      const error = await errorOf(call());
      if (error !== undefined) this.#note('end', `a late delivery: ${textOf(error)}`);
    }
  }

  #note(check: Finding['check'], detail: string): void {
    this.#findings.push({ check, detail });
  }
}

/** The same stores, which tell of the values that are deleted. */
function countingSweeps(stores: Stores, tell: (values: number) => void): Stores {
  const { tombstones } = stores;
  return {
    ...stores,
    tombstones: {
      mark: (id, options) => tombstones.mark(id, options),
      has: (id) => tombstones.has(id),
      async *sweep(id) {
        for await (const page of tombstones.sweep(id)) {
          if (page.of === 'values') tell(page.count);
          yield page;
        }
      },
    },
  };
}

function isNotFound(error: unknown): boolean {
  return isError(error) && error.name === 'RunNotFoundError';
}

/** By the iterations that have no value: a ledger may be what is wrong. */
async function isDone({ values }: Stores, id: RunId): Promise<boolean> {
  return (await values.missing(id)).length === 0;
}

function versionOf(fault: SimulationFault | undefined): string | undefined {
  if (fault === undefined) return oracleVersions.asked;
  return fault === 'simulation without version' ? undefined : oracleVersions.changed;
}

function acceptanceOf(fault: SimulationFault | undefined): RunChange {
  return fault === 'accepted change' ? { acceptChangedSimulation: true } : {};
}

function isChanged({ version }: Fingerprint): boolean {
  return version === oracleVersions.changed;
}

async function accepts({ runs }: Stores, id: RunId): Promise<boolean> {
  return (await runs.get(id)).simulation.some(isChanged);
}

async function hasValue({ values }: Stores, id: RunId): Promise<boolean> {
  for await (const batch of values.read(id)) if (batch.length > 0) return true;
  return false;
}

async function valuesOf({ values }: Stores, id: RunId): Promise<IterationValue[]> {
  const all: IterationValue[] = [];
  for await (const batch of values.read(id)) all.push(...batch);
  return all;
}
