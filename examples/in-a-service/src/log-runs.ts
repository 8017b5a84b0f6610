import type { Observer } from '@stepcompute/core';

/** As much of a logger as is needed: pino's and winston's do. */
export interface Logger {
  readonly info: (fields: object, message: string) => void;
  readonly warn: (fields: object, message: string) => void;
}

/** Logs what a person on call wants to know of runs: not each attempt, but what went wrong, and how each ended. */
export function logRuns(logger: Logger): Observer {
  return (event) => {
    switch (event.type) {
      case 'retry':
      case 'failure':
        logger.warn(event, `iteration ${event.iterationId} of run ${event.runId} failed`);
        break;
      case 'end': {
        const { runId, status, durationMs } = event;
        logger.info({ runId, status, durationMs }, `run ${runId} ${status}`);
        break;
      }
    }
  };
}
