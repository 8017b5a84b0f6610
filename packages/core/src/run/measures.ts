/** The measures of a simulation that declares none: a bare number is the measure `value`. */
export const singleMeasure: readonly string[] = Object.freeze(['value']);
