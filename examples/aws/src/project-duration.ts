import { defineSimulation } from '@stepcompute/core';

/** A task's shortest, likeliest and longest duration, in days. */
type Estimate = readonly [shortest: number, likeliest: number, longest: number];

/** A run may have others. */
const estimates: Readonly<Record<'design' | 'hardware' | 'software' | 'integration', Estimate>> = {
  design: [5, 8, 20],
  hardware: [10, 15, 40],
  software: [12, 20, 35],
  integration: [4, 6, 15],
};

/** A random duration with a triangular distribution, by inverting its distribution function. */
function triangular(u: number, [shortest, likeliest, longest]: Estimate): number {
  const span = longest - shortest;
  const turn = (likeliest - shortest) / span;
  return u < turn
    ? shortest + Math.sqrt(u * span * (likeliest - shortest))
    : longest - Math.sqrt((1 - u) * span * (longest - likeliest));
}

/**
 * How many days a project takes (design, then hardware beside software, then integration), and whether that
 * is more than its deadline: the average of `isLate` is the likelihood.
 */
export default defineSimulation({
  name: 'project duration',
  parameters: { ...estimates, deadline: 60 },
  measures: ['days', 'isLate'],
  generate({ random, parameters: { design, hardware, software, integration, deadline } }) {
    const draw = (task: Estimate): number => triangular(random.uniform(), task);
    const days = draw(design) + Math.max(draw(hardware), draw(software)) + draw(integration);
    return { days, isLate: days > deadline ? 1 : 0 };
  },
});
