import { Logger } from '@aws-lambda-powertools/logger';
import { isError, isStepComputeError, messageOf, nameOf } from '@stepcompute/core';
import type { Context } from 'aws-lambda';
import type { HandlerName } from '../wire/index.js';

/** Goes into the log's line for an event: ids and counts, never the payload itself. */
type LogKeys = Readonly<Record<string, number | string | undefined>>;

/**
 * A Lambda handler around one step: one structured line for each event, with the request's id, and
 * the step's error as it is, so that its `name` becomes the state's error.
 * @param step answers with what the state hands on
 */
export function lambdaHandler<Answer>(
  name: HandlerName,
  step: (event: unknown, context: Context, log: (keys: LogKeys) => void) => Promise<Answer>,
): (event: unknown, context: Context) => Promise<Answer> {
  const logger = new Logger({ serviceName: `stepcompute-${name}` });
  return async (event, context) => {
    logger.addContext(context);
    logger.resetKeys();
    const log = (keys: LogKeys): void => logger.appendKeys(keys);
    try {
      const answer = await step(event, context, log);
      logger.info('done');
      return answer;
    } catch (error) {
      const expected = isStepComputeError(error);
      logger.error('failed', {
        errorName: nameOf(error),
        errorMessage: messageOf(error),
        // A bug is found by its stack; an expected error is told by its message.
        ...(expected ? {} : { stack: isError(error) ? error.stack : undefined }),
      });
      // Lambda puts the stack into the execution's cause.
      if (expected) error.stack = `${error.name}: ${error.message}`;
      throw error;
    }
  };
}
