import { uniformInteger, uniformIntegerVersion, type Fingerprint } from '@stepcompute/core';

/** The simulation that a function was bundled with. */
export interface DeployedSimulation {
  /** A simulation, or the module that exports it by default. */
  readonly exported: unknown;
  /** Names it where it does not name itself. */
  readonly name: string;
  readonly fingerprint: Fingerprint | undefined;
}

/** The built-in one. A bundler puts a module with the user's in this one's place. */
export const deployed: DeployedSimulation = {
  // By name, since a bundler takes the function's.
  exported: { name: 'uniformInteger', generate: uniformInteger },
  name: 'uniformInteger',
  fingerprint: { version: uniformIntegerVersion },
};
