/** What schedules have come to, counted. */
export class Tally {
  schedules = 0;
  values = 0;
  /** Processes that were really killed. */
  kills = 0;
  /** @type {Map<string, number>} */
  faults = new Map();
  /** @type {{ schedule: number, check: string, detail: string }[]} */
  findings = [];
  #startedAt = performance.now();
  #saidAt = performance.now();

  /**
   * @param {string} name heads its row
   * @param {number} total how many schedules there are to be
   */
  constructor(name, total) {
    this.name = name;
    this.total = total;
  }

  /** @param {Iterable<[string, number]>} faults */
  inject(faults) {
    for (const [fault, count] of faults) {
      this.faults.set(fault, (this.faults.get(fault) ?? 0) + count);
    }
  }

  /**
   * @param {number} schedule
   * @param {readonly { check: string, detail: string }[]} findings
   * @param {number} values how many the run has
   */
  end(schedule, findings, values) {
    this.schedules += 1;
    this.values += values;
    for (const finding of findings) this.findings.push({ schedule, ...finding });
    this.#say();
  }

  /** A line now and then: how far it is, how fast, and how long it will take. */
  #say() {
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

  get report() {
    const count = (/** @type {string[]} */ ...checks) =>
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
