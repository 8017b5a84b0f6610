import type { IterationContext } from '@stepcompute/core';

/** A task's shortest, likeliest and longest duration, in days. */
type Estimate = readonly [shortest: number, likeliest: number, longest: number];

const design: Estimate = [5, 8, 20];
const hardware: Estimate = [10, 15, 40];
const software: Estimate = [12, 20, 35];
const integration: Estimate = [4, 6, 15];

/** A random duration with a triangular distribution, by inverting its distribution function. */
function triangular(u: number, [shortest, likeliest, longest]: Estimate): number {
  const span = longest - shortest;
  const turn = (likeliest - shortest) / span;
  return u < turn
    ? shortest + Math.sqrt(u * span * (likeliest - shortest))
    : longest - Math.sqrt((1 - u) * span * (longest - likeliest));
}

/** How many days a project takes: design, then hardware beside software, then integration. */

export default function projectDuration({ random }: IterationContext): number {
  const draw = (estimate: Estimate): number => triangular(random.uniform(), estimate);
  return draw(design) + Math.max(draw(hardware), draw(software)) + draw(integration);
}
