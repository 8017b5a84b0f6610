import { studentT975 } from '../averaging/student-t.js';

/**
 * A mean that is kept up to date while values arrive, in any order: for watching a run, never for
 * its result, since its bits depend on the order.
 * Source: B. Welford, "Note on a method for calculating corrected sums of squares and products", 1962.
 */
export class RunningMean {
  #count = 0;
  #mean = 0;
  #squaredDeviations = 0;

  add(value: number): void {
    this.#count += 1;
    const difference = value - this.#mean;
    this.#mean += difference / this.#count;
    this.#squaredDeviations += difference * (value - this.#mean);
  }

  /** Null before the first value. */
  get mean(): number | null {
    return this.#count === 0 ? null : this.#mean;
  }

  /** Half the width of the mean's 95 % interval so far; null before the second value. */
  get margin(): number | null {
    if (this.#count < 2) return null;
    const variance = this.#squaredDeviations / (this.#count - 1);
    return studentT975(this.#count - 1) * Math.sqrt(variance / this.#count);
  }
}
