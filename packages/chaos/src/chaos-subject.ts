import type { Clock, Orchestrator, Run, RunRequest, Simulation, Stores } from '@stepcompute/core';
import type { FieldNames } from '@stepcompute/core/adapters';
import type { OracleParameters, OracleValue } from './oracle.js';

/** The parts of an orchestrator for one life. */
export interface ChaosParts {
  readonly stores: Stores;
  readonly clock: Clock;
  readonly concurrency: number;
  /** The simulation, with its measures. */
  readonly generator: Simulation<OracleParameters, keyof OracleValue>;
  /** The version of the simulation, to be handed to whoever compares simulations; undefined where it has none. */
  readonly simulationVersion: string | undefined;
}

/** The stores that are to endure chaos, and the orchestrator over them. */
export interface ChaosSubject {
  /** Heads the report. */
  readonly name: string;
  /** Opens the stores as a new process does. All that was acknowledged before must be there. */
  readonly open: () => Stores | Promise<Stores>;
  readonly orchestrator: (parts: ChaosParts) => Orchestrator;
  /**
   * Opens another place in the same way. A second run, of another seed and other parameters, then goes
   * through its own schedule there at the same time. Where both places begin empty, it has the same id.
   * Default: there is none.
   */
  readonly elsewhere?: (() => Stores | Promise<Stores>) | undefined;
  /**
   * True where the simulation that is asked for is deployed, so that the record says of it, and of the
   * delay, what the deployment says. Parts of another version than {@link oracleVersions.asked} are then
   * those of a process beside the deployment, which resumes its run. Give `find` as well. Default: false.
   */
  readonly isDeployed?: boolean | undefined;
  /**
   * True where an answer may be lost between a store and its database, as it is where that restarts: rows
   * that were deleted then count for nobody. Default: false.
   */
  readonly losesAnswers?: boolean | undefined;
  /** The clock of one life. */
  readonly clock: () => Clock;
  /** Finds the run that was asked for, if there is one. Default: by its idempotency key. */
  readonly find?: ((stores: Stores, request: RunRequest) => Promise<Run | undefined>) | undefined;
  /** Tells an error that the subject's own surroundings inject from any other. Default: they inject none. */
  readonly isExpected?: ((error: Error) => boolean) | undefined;
  readonly hooks?: ChaosHooks | undefined;
}

export const subjectFields: FieldNames<ChaosSubject> = {
  name: true,
  open: true,
  orchestrator: true,
  elsewhere: true,
  isDeployed: true,
  losesAnswers: true,
  clock: true,
  find: true,
  isExpected: true,
  hooks: true,
};

/** Real kills and restarts. Without them a kill is played, and the database never restarts. */
export interface ChaosHooks {
  /** Ends this process as SIGKILL does. Default: the life's stores answer no more. */
  readonly kill?: (() => void) | undefined;
  /** Restarts the database under its users. Default: no schedule has a restart. */
  readonly restart?: (() => Promise<void>) | undefined;
}

export const hookFields: FieldNames<ChaosHooks> = { kill: true, restart: true };
