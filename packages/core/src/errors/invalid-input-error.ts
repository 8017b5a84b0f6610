import { errorClass } from './base.js';
import { describeValue } from './masking.js';

/** A value from outside is not what its place demands; nothing was done. */
export class InvalidInputError extends errorClass('InvalidInputError', 'INVALID_INPUT') {
  /**
   * @param field what was wrong, as its giver knows it: `repetitions`, `seed`, …
   * @param expected what would have been right, to follow "must be"
   * @param received the value given
   */
  constructor(
    readonly field: string,
    readonly expected: string,
    readonly received: unknown,
    options?: ErrorOptions,
  ) {
    super(`${field} must be ${expected}; got ${describeValue(received)}`, options);
  }
}
