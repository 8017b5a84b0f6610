import type {
  Clock,
  Orchestrator,
  Run,
  RunRequest,
  Stores,
  ValueGenerator,
} from '@stepcompute/core';

/** The parts of an orchestrator for one life. */
export interface ChaosParts {
  readonly stores: Stores;
  readonly clock: Clock;
  readonly concurrency: number;
  readonly generator: ValueGenerator;
}

/** The stores that are to endure chaos, and the orchestrator over them. */
export interface ChaosSubject {
  /** Heads the report. */
  readonly name: string;
  /** Opens the stores as a new process does. All that was acknowledged before must be there. */
  readonly open: () => Stores | Promise<Stores>;
  readonly orchestrator: (parts: ChaosParts) => Orchestrator;
  /** The clock of one life. */
  readonly clock: () => Clock;
  /** Finds the run that was asked for, if there is one. Default: by its idempotency key. */
  readonly find?: ((stores: Stores, request: RunRequest) => Promise<Run | undefined>) | undefined;
  /** Tells an error that the subject's own surroundings inject from any other. Default: they inject none. */
  readonly isExpected?: ((error: Error) => boolean) | undefined;
  readonly hooks?: ChaosHooks | undefined;
}

/** Real kills and restarts. Without them a kill is played, and the database never restarts. */
export interface ChaosHooks {
  /** Ends this process as SIGKILL does. Default: the life's stores answer no more. */
  readonly kill?: (() => void) | undefined;
  /** Restarts the database under its users. Default: no schedule has a restart. */
  readonly restart?: (() => Promise<void>) | undefined;
}
