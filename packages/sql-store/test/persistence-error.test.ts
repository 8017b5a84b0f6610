import { RunId, RunNotFoundError } from '@stepcompute/core';
import { QueryFailedError } from 'typeorm';
import { isPassing, persistenceError } from '../src/persistence-error.js';

/** An error as node-postgres throws it, with the server's or Node's code. */
function withCode(code: string): Error {
  return Object.assign(new Error('the reason'), { code });
}

describe('a driver’s error', () => {
  it.each([
    withCode('ECONNREFUSED'),
    withCode('ECONNRESET'),
    withCode('EHOSTUNREACH'),
    withCode('ENETUNREACH'),
    withCode('40P01'), // deadlock
    withCode('53300'), // too many connections
    withCode('57P01'), // the server is shut down
    new Error('Connection terminated unexpectedly'),
    new Error('timeout exceeded when trying to connect'),
    new Error('Client has encountered a connection error and is not queryable'),
    new QueryFailedError('SELECT 1', [], withCode('08006')),
    new AggregateError([withCode('ENOTFOUND'), withCode('ECONNREFUSED')]),
  ])('may pass when it is %p', (error) => {
    expect(persistenceError(error)).toMatchObject({ retryable: true, cause: error });
  });

  it.each([
    withCode('28P01'), // wrong password
    withCode('3D000'), // no such database
    withCode('42P01'), // no such table
    withCode('42501'), // not allowed
    new Error('something else'),
    'a text',
    undefined,
  ])('stays when it is %p', (error) => {
    expect(persistenceError(error)).toMatchObject({ retryable: false, cause: error });
  });

  it.each(['ECONNREFUSED', '57P01', '57P03', '53300', '40P01', '08006'])(
    'is waited for when it is %s',
    (code) => {
      expect(isPassing(withCode(code))).toBe(true);
    },
  );

  // A wrong password, a full disk, memory that ran out, a statement that was cancelled.
  it.each(['28P01', '53100', '53200', '57014'])('is told at once when it is %s', (code) => {
    expect(isPassing(withCode(code))).toBe(false);
  });

  it('is named after what could not be done', () => {
    expect(persistenceError(withCode('28P01'), 'cannot open it').message).toBe(
      'cannot open it: the reason',
    );
    const refused = new AggregateError([new Error('one'), new Error('two')]);
    expect(persistenceError(refused, 'cannot open it').message).toBe('cannot open it: one; two');
  });

  it('is left alone when it is one of the taxonomy', () => {
    const error = new RunNotFoundError(RunId.parse(1));
    expect(persistenceError(error)).toBe(error);
  });
});
