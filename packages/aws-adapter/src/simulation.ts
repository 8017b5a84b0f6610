import { uniformInteger } from '@stepcompute/core';

/** The simulation that a function has in it. */
export interface DeployedSimulation {
  /** The namespace of the user's module, or the built-in function. */
  readonly exported: unknown;
  /** The base name of the module's file, or the function's name. */
  readonly name: string;
  /** Tells the module's code from other code; undefined where there is none. */
  readonly fingerprint: object | undefined;
}

/** The built-in simulation. A bundler puts a module with the user's own in this one's place. */
export const deployed: DeployedSimulation = {
  exported: uniformInteger,
  name: uniformInteger.name,
  fingerprint: undefined,
};
