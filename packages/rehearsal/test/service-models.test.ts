import { departuresOf, type Answer } from './service-models.js';

const answer = (operation: string, body: object, more: Partial<Answer> = {}): Answer => ({
  method: 'POST',
  path: '/',
  target: `AWSStepFunctions.${operation}`,
  status: 200,
  headers: {},
  body: JSON.stringify(body),
  ...more,
});
const statement = (body: object, more: Partial<Answer> = {}): Answer =>
  answer('', body, { path: '/Execute', target: undefined, ...more });
const event = (type: string, details: object): Answer =>
  answer('GetExecutionHistory', { events: [{ id: 1, timestamp: 1, type, ...details }] });
const error = (name: string, status: number, body: object): Answer =>
  answer('StartExecution', body, { status, headers: { 'x-amzn-errortype': name } });

describe('an answer', () => {
  it.each([
    answer('StartExecution', { executionArn: 'a', startDate: 1.5 }),
    event('TaskStarted', { taskStartedEventDetails: { resourceType: 'lambda', resource: 'x' } }),
    event('PassStateEntered', { stateEnteredEventDetails: { name: 'One' } }),
    event('LambdaFunctionStarted', {}),
    error('InvalidName', 400, { __type: 'InvalidName', message: 'm' }),
    error('ValidationException', 400, { message: 'm' }),
    statement({ records: [[{ doubleValue: 'NaN' }, { blobValue: 'AQI=' }]] }),
  ])('follows its service’s model: %j', (right) => {
    expect(departuresOf(right)).toEqual([]);
  });

  it.each<[Answer, RegExp]>([
    [answer('StartExecution', { executionArn: 'a' }), /has no startDate, which is required/],
    [answer('StartExecution', { executionArn: 'a', startDate: 'x' }), /startDate must be a time/],
    [answer('StartExecution', { executionArn: 1, startDate: 1 }), /executionArn must be a string/],
    [
      answer('StartExecution', { executionArn: 'a', startDate: 1, more: 1 }),
      /more, a member that it has not/,
    ],
    [answer('StartExecution', []), /must be a structure/],
    [answer('ListExecutions', { executions: {} }), /executions must be a list/],
    [event('TaskDone', {}), /"TaskDone", none of its values/],
    [event('TaskStarted', {}), /of the type TaskStarted and has no details/],
    [
      event('TaskStarted', { taskStartedEventDetails: { resource: 'x' } }),
      /events\[0\]\.taskStartedEventDetails has no resourceType/,
    ],
    [statement({ records: [[{ longValue: '1' }]] }), /longValue must be a number/],
    [statement({ records: [[{ booleanValue: 't' }]] }), /booleanValue must be a boolean/],
    [statement({ records: [[{ blobValue: '?' }]] }), /blobValue must be base64/],
    [statement({ records: [[{ isNull: true, longValue: 1 }]] }), /must have one member/],
    [error('StateMachineAlreadyExists', 400, {}), /an error that it has not/],
    [error('InvalidName', 404, {}), /has the status 404/],
    [error('InvalidName', 400, { Message: 'm' }), /Message, a member that it has not/],
    [error('InvalidName', 400, { __type: 'Other' }), /has the __type "Other"/],
    [
      statement({}, { status: 400, headers: { 'x-amzn-errortype': 'BadRequestException' } }),
      /an error that it has not/,
    ],
    [answer('', {}, { path: '/unknown' }), /is no operation/],
  ])('departs from it: %j', (wrong, departure) => {
    expect(departuresOf(wrong)).toEqual([expect.stringMatching(departure)]);
  });
});
