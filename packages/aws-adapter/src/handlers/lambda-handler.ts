import { Logger } from '@aws-lambda-powertools/logger';
import { isError, isStepComputeError, messageOf, nameOf } from '@stepcompute/core';
import type { Context } from 'aws-lambda';

/** What a handler says of its event, for the log: ids and counts, never the payload itself. */
type Account = Readonly<Record<string, number | string | undefined>>;

/**
 * A Lambda handler around one step: one structured line for each event, with the request's id, and
 * the step's error as it is, so that its `name` becomes the state's error.
 * @param step answers with what the state hands on, and with what the log is to say of it
 */
export function lambdaHandler<Answer>(
  serviceName: string,
  step: (event: unknown, context: Context, log: (account: Account) => void) => Promise<Answer>,
): (event: unknown, context: Context) => Promise<Answer> {
  const logger = new Logger({ serviceName: `stepcompute-${serviceName}` });
  return async (event, context) => {
    logger.addContext(context);
    logger.resetKeys();
    const log = (account: Account): void => logger.appendKeys(account);
    try {
      const answer = await step(event, context, log);
      logger.info('done');
      return answer;
    } catch (error) {
      const name = nameOf(error);
      const expected = isStepComputeError(error);
      logger.error('failed', {
        errorName: name,
        errorMessage: messageOf(error),
        // A bug is found by its stack; an expected error is told by its message.
        ...(expected ? {} : { stack: isError(error) ? error.stack : undefined }),
      });
      throw error;
    }
  };
}
