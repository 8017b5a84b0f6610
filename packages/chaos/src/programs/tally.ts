import type { Check, Finding } from '../oracle.js';

/** A finding, and the number of the schedule in which it was made. */
export interface ScheduleFinding extends Finding {
  readonly schedule: number;
}

/** The sums of one target's schedules. */
export interface Report {
  readonly target: string;
  readonly schedules: number;
  readonly values: number;
  readonly processesKilled: number;
  readonly faultsInjected: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly lost: number;
  readonly doubled: number;
  readonly wrongAverages: number;
  readonly otherFindings: number;
  readonly seconds: number;
  readonly findings: readonly ScheduleFinding[];
}

/** Counts the outcomes of one target's schedules. */
export class Tally {
  schedules = 0;
  values = 0;
  /** Processes that were really killed. */
  kills = 0;
  readonly faults = new Map<string, number>();
  readonly findings: ScheduleFinding[] = [];
  readonly #startedAt = performance.now();
  #saidAt = performance.now();

  /**
   * @param name heads its row
   * @param total how many schedules there are to be
   */
  constructor(
    readonly name: string,
    readonly total: number,
  ) {}

  inject(faults: Iterable<readonly [string, number]>): void {
    for (const [fault, count] of faults) {
      this.faults.set(fault, (this.faults.get(fault) ?? 0) + count);
    }
  }

  /**
   * Counts a schedule that has ended.
   * @param values how many values its run has
   */
  end(schedule: number, findings: readonly Finding[], values: number): void {
    this.schedules += 1;
    this.values += values;
    for (const finding of findings) this.findings.push({ schedule, ...finding });
    this.#say();
  }

  /** Writes a line at most every five seconds: the part that is done, the rate, the time left. */
  #say(): void {
    const now = performance.now();
    if (now - this.#saidAt < 5000 || this.schedules >= this.total) return;
    this.#saidAt = now;
    const perSecond = (this.schedules / (now - this.#startedAt)) * 1000;
    const left = Math.round((this.total - this.schedules) / perSecond);
    process.stderr.write(
      `  ${this.schedules} of ${this.total} · ${perSecond.toPrecision(2)}/s · ${left} s left · ` +
        `${this.kills} killed · ${this.findings.length} findings\n`,
    );
  }

  get report(): Report {
    const count = (...checks: readonly Check[]): number =>
      this.findings.filter(({ check }) => checks.includes(check)).length;
    const lost = count('lost value');
    const doubled = count('doubled value');
    const wrongAverages = count('average', 'early average');
    return {
      target: this.name,
      schedules: this.schedules,
      values: this.values,
      processesKilled: this.kills,
      faultsInjected: [...this.faults.values()].reduce((sum, each) => sum + each, 0),
      faults: Object.fromEntries([...this.faults].sort()),
      lost,
      doubled,
      wrongAverages,
      otherFindings: this.findings.length - lost - doubled - wrongAverages,
      seconds: Math.round((performance.now() - this.#startedAt) / 100) / 10,
      findings: this.findings,
    };
  }
}
