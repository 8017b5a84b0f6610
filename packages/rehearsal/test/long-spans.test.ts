import { parseDefinition } from '../src/step-functions/definition.js';
import { Execution } from '../src/step-functions/execution.js';
import { loadInterpreter } from '../src/step-functions/load-interpreter.js';
import { after } from '../src/timer.js';

const dayMs = 86_400_000;
const daySeconds = 86_400;

describe('in a time that goes by as it is told', () => {
  beforeEach(async () => {
    // Before the timers are taken over, since loading takes time of its own.
    await loadInterpreter();
    jest.useFakeTimers();
  });
  afterEach(() => jest.useRealTimers());

  const day = (): number => Date.now() / dayMs;

  it.each([0, 1, 24, 25, 49.8, 365])('a timer of %d days goes off after these', async (days) => {
    const from = day();
    let wentOff: number | undefined;
    after(days * dayMs, () => (wentOff = day()));
    await jest.runAllTimersAsync();
    expect((wentOff ?? NaN) - from).toBeCloseTo(days);
  });

  it('a timer that is called off between two of its parts never goes off', async () => {
    const wentOff = jest.fn();
    const callOff = after(60 * dayMs, wentOff);
    await jest.advanceTimersByTimeAsync(30 * dayMs);
    callOff();
    await jest.advanceTimersByTimeAsync(365 * dayMs);
    expect(wentOff).not.toHaveBeenCalled();
    expect(jest.getTimerCount()).toBe(0);
  });

  /** An execution of these states, at AWS's own pace. */
  const executionOf = (definition: object): Execution => {
    const arn = 'arn:aws:states:us-east-1:123456789012:stateMachine:Patient';
    const machine = {
      arn,
      name: 'Patient',
      roleArn: 'arn:aws:iam::123456789012:role/Patient',
      definition: parseDefinition(definition),
      timeScale: 1,
      invoke: () => Promise.reject(new Error('nothing is to be called')),
      onExecution: () => undefined,
      onMapRun: () => undefined,
    };
    return new Execution(machine, `${arn}:one`, 'one', '{"a":{"b":1}}');
  };

  it.each([
    ['on the way', { Next: 'Done' }, { Done: { Type: 'Succeed' } }],
    ['at the end', { End: true }, {}],
  ])('a state waits for a year, %s, and is on record once', async (_, flow, others) => {
    const execution = executionOf({
      StartAt: 'Year',
      States: {
        Year: { Type: 'Wait', Seconds: 365 * daySeconds, InputPath: '$.a', ...flow },
        ...others,
      },
    });
    await jest.advanceTimersByTimeAsync(364.9 * dayMs);
    expect(execution.status).toBe('RUNNING');
    await jest.advanceTimersByTimeAsync(0.2 * dayMs);
    await execution.ended;
    expect(execution).toMatchObject({ status: 'SUCCEEDED', output: '{"b":1}' });
    expect(execution.history.events.filter(({ type }) => type.startsWith('Wait'))).toMatchObject([
      { type: 'WaitStateEntered', stateEnteredEventDetails: { name: 'Year' } },
      { type: 'WaitStateExited', stateExitedEventDetails: { name: 'Year', output: '{"b":1}' } },
    ]);
  });

  it('an execution ends after the 100 days that it may take, and not before', async () => {
    const execution = executionOf({
      StartAt: 'Year',
      States: { Year: { Type: 'Wait', Seconds: 365 * daySeconds, End: true } },
      TimeoutSeconds: 100 * daySeconds,
    });
    await jest.advanceTimersByTimeAsync(99.9 * dayMs);
    expect(execution.status).toBe('RUNNING');
    await jest.advanceTimersByTimeAsync(0.2 * dayMs);
    await execution.ended;
    expect(execution.status).toBe('TIMED_OUT');
  });
});
