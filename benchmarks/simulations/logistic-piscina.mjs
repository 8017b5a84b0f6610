/** The same work as a team hands it to piscina: one start, or many at a time. */
import { iterate } from './logistic.mjs';

export const one = (/** @type {number} */ start) => iterate(start);
export const many = (/** @type {number[]} */ starts) => starts.map((start) => iterate(start));
