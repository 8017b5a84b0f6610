/** More tell no doubles apart. */
const most = 17;

/**
 * How many significant digits of a number people need: enough to tell differences of a scale to three digits.
 * A mean of 1,000,000 with a standard error of 0.006 needs twelve.
 * @param scale such as the mean's standard error; 0 or null where there is none
 * @param least so many in any case
 */
export function significantDigits(value: number, scale: number | null, least: number): number {
  if (scale === null || !(scale > 0)) return least;
  const needed = Math.ceil(Math.log10(Math.abs(value)) - Math.log10(scale)) + 3;
  return Math.min(most, Math.max(least, needed));
}
