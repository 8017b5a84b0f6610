import { send } from '../src/data-api-errors.js';

/** An error as the SDK throws it for an answer of the service. */
function answered(name: string, message = '', status = 400): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } });
}

/** An error as the SDK throws it when there was no answer. */
function unanswered(code: string): Error {
  return Object.assign(new Error('socket hang up'), { code, $metadata: {} });
}

const sqlError = (state: string): Error =>
  answered('DatabaseErrorException', `ERROR: it went wrong; SQLState: ${state}`);

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** Sends a call that fails so many times; answers with the outcome and how often it was sent. */
async function sending(
  error: Error,
  failures: number,
  inTransaction = false,
): Promise<{ calls: number; elapsedMs: number; outcome: unknown }> {
  let calls = 0;
  const start = Date.now();
  const sent = send(
    () => {
      calls += 1;
      return calls <= failures ? Promise.reject(error) : Promise.resolve('done');
    },
    { inTransaction },
  ).catch((thrown: unknown) => thrown);
  const over = new AbortController();
  void sent.then(() => over.abort());
  while (!over.signal.aborted) await jest.advanceTimersByTimeAsync(100);
  return { calls, elapsedMs: Date.now() - start, outcome: await sent };
}

describe('a call to the Data API', () => {
  it('is repeated for more than a minute while the database wakes up', async () => {
    const { calls, elapsedMs, outcome } = await sending(
      answered('DatabaseResumingException', 'is resuming'),
      Infinity,
    );
    expect(elapsedMs).toBeGreaterThan(60_000);
    expect(calls).toBeGreaterThan(12);
    expect(outcome).toMatchObject({
      name: 'PersistenceError',
      retryable: true,
      message: expect.stringContaining('DatabaseResumingException') as string,
    });
  });

  it.each([
    answered('DatabaseResumingException'),
    answered('ThrottlingException'),
    answered('StatementTimeoutException'),
    answered('InternalServerErrorException', '', 500),
    answered('ServiceUnavailableError', '', 503),
    answered('SomethingNew', '', 502),
    unanswered('ECONNRESET'),
    sqlError('40P01'),
    sqlError('57P01'),
  ])('is sent again after %p', async (error) => {
    expect(await sending(error, 3)).toMatchObject({ calls: 4, outcome: 'done' });
  });

  it.each([
    answered('BadRequestException', 'no such parameter'),
    answered('AccessDeniedException', 'not allowed', 403),
    answered('SecretsErrorException'),
    answered('UnsupportedResultException'),
    answered('TransactionNotFoundException', '', 404),
  ])('is not sent again after %p', async (error) => {
    expect(await sending(error, 3)).toMatchObject({
      calls: 1,
      outcome: { name: 'PersistenceError', retryable: false, cause: error },
    });
  });

  it('passes PostgreSQL’s own errors on with their state', async () => {
    expect(await sending(sqlError('22003'), 1)).toMatchObject({
      calls: 1,
      outcome: { code: '22003' },
    });
  });

  it.each([
    [answered('DatabaseResumingException'), 2],
    [answered('StatementTimeoutException'), 1],
    [unanswered('ECONNRESET'), 1],
    [sqlError('40P01'), 1],
  ])('within a transaction is sent again only if it was not begun: %p', async (error, calls) => {
    expect((await sending(error, 1, true)).calls).toBe(calls);
  });
});
