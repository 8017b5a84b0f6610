import { randomUUID } from 'node:crypto';
import {
  CreateStateMachineCommand,
  DescribeStateMachineCommand,
  SFNClient,
  type DescribeExecutionCommandOutput,
} from '@aws-sdk/client-sfn';
import { Rehearsal } from '../src/index.js';
import { invoke, writeAssembly, type Assembly } from './assembly.js';
import { clientConfig, execute, history, types } from './execute.js';

const work = `
  const attempts = new Map();
  exports.handler = async ({ fail, failures = 0, kill, ...event }) => {
    if (kill) process.kill(process.pid, 'SIGKILL');
    const attempt = (attempts.get(event.key) ?? 0) + 1;
    attempts.set(event.key, attempt);
    if (fail && (failures === 0 || attempt <= failures)) {
      throw Object.assign(new Error('will not'), { name: fail });
    }
    return { ...event, attempt };
  };`;

const one = (state: object, others: object = {}): object => ({
  StartAt: 'One',
  States: { One: state, ...others },
});
const pass = (result: unknown): object => ({
  Type: 'Pass',
  Result: result,
  ResultPath: '$.went',
  End: true,
});

describe('the states language', () => {
  let assembly: Assembly;
  let rehearsal: Rehearsal;
  let client: SFNClient;

  /** Runs a definition by way of the API that a deployment uses. */
  const run = async (
    definition: object,
    input: unknown,
  ): Promise<DescribeExecutionCommandOutput & { readonly result: unknown }> => {
    const arn = 'arn:aws:lambda:us-east-1:123456789012:function:Work';
    const { stateMachineArn = '' } = await client.send(
      new CreateStateMachineCommand({
        name: randomUUID(),
        roleArn: 'arn:aws:iam::123456789012:role/any',
        definition: JSON.stringify(definition).replaceAll('${Work.Arn}', arn),
      }),
    );
    const execution = await execute(client, stateMachineArn, input);
    return { ...execution, result: JSON.parse(execution.output ?? 'null') as unknown };
  };

  beforeAll(async () => {
    assembly = writeAssembly({ functions: { Work: { code: work } } });
    rehearsal = await Rehearsal.start({
      assembly: assembly.folder,
      timeScale: 60_000,
      mostInstances: 1,
    });
    client = new SFNClient({ ...clientConfig, endpoint: rehearsal.endpoint });
  });
  afterAll(async () => {
    client.destroy();
    await rehearsal.close();
    assembly.remove();
  });

  it('gives a task the years that it asks for', async () => {
    const task = invoke('Work', { TimeoutSeconds: 99_999_999, End: true });
    expect(await run(one(task), { key: 'years' })).toMatchObject({ status: 'SUCCEEDED' });
  });

  describe('Catch', () => {
    const caught = invoke('Work', {
      Catch: [
        { ErrorEquals: ['First', 'Second'], ResultPath: '$.error', Next: 'Listed' },
        { ErrorEquals: ['Runtime.ExitError'], ResultPath: '$.error', Next: 'Killed' },
        { ErrorEquals: ['Third'], ResultPath: null, Next: 'Dropped' },
        { ErrorEquals: ['States.ALL'], Next: 'Other' },
      ],
      End: true,
    });
    const targets = {
      Listed: pass('listed'),
      Killed: pass('killed'),
      Dropped: pass('dropped'),
      Other: pass('other'),
    };

    it.each(['First', 'Second'])(
      'leads %s to the state of the catcher that lists it',
      async (fail) => {
        const { result } = await run(one(caught, targets), { fail });
        expect(result).toEqual({
          fail,
          error: {
            Error: fail,
            Cause: expect.stringContaining('"errorMessage":"will not"') as string,
          },
          went: 'listed',
        });
      },
    );

    it('keeps the input as it was where the result path is null', async () => {
      const { result } = await run(one(caught, targets), { fail: 'Third' });
      expect(result).toEqual({ fail: 'Third', went: 'dropped' });
    });

    it('gives nothing but the error to the next state where there is no result path', async () => {
      const { result, executionArn } = await run(one(caught, targets), { fail: 'Unheard' });
      expect(result).toEqual({
        Error: 'Unheard',
        Cause: expect.any(String) as string,
        went: 'other',
      });
      expect(types(await history(client, executionArn))).toEqual([
        'ExecutionStarted',
        'TaskStateEntered',
        'TaskScheduled',
        'TaskStarted',
        'TaskFailed',
        'TaskStateExited',
        'PassStateEntered',
        'PassStateExited',
        'ExecutionSucceeded',
      ]);
    });

    it('has a name for a function whose process was killed', async () => {
      const { result } = await run(one(caught, targets), { kill: true });
      expect(result).toEqual({
        kill: true,
        error: {
          Error: 'Runtime.ExitError',
          Cause: expect.stringContaining('SIGKILL') as string,
        },
        went: 'killed',
      });
    });

    it('comes after Retry', async () => {
      const retried = { ...caught, Retry: [{ ErrorEquals: ['First'], MaxAttempts: 2 }] };
      const saved = await run(one(retried, targets), { key: 'saved', fail: 'First', failures: 2 });
      expect(saved.result).toEqual({ key: 'saved', attempt: 3 });
      const lost = await run(one(retried, targets), { key: 'lost', fail: 'First', failures: 3 });
      expect(lost.result).toMatchObject({ key: 'lost', went: 'listed' });
      const events = types(await history(client, lost.executionArn));
      expect(events.filter((type) => type === 'TaskFailed')).toHaveLength(3);
    });

    it.each(['INLINE', 'DISTRIBUTED'])(
      'within the items of a Map spares the others: %s',
      async (mode) => {
        const { status, result } = await run(
          one({
            Type: 'Map',
            ItemProcessor: {
              ProcessorConfig: {
                Mode: mode,
                ...(mode === 'DISTRIBUTED' && { ExecutionType: 'STANDARD' }),
              },
              ...one(caught, targets),
            },
            End: true,
          }),
          [{ key: mode }, { fail: 'Second' }, { kill: true }],
        );
        expect(status).toBe('SUCCEEDED');
        expect(result).toMatchObject([
          { key: mode, attempt: 1 },
          { error: { Error: 'Second' }, went: 'listed' },
          { error: { Error: 'Runtime.ExitError' }, went: 'killed' },
        ]);
      },
    );

    it.each([
      ['INLINE', 'Broken'],
      ['DISTRIBUTED', 'States.ExceedToleratedFailureThreshold'],
    ])('of a Map is for what it failed with as a whole: %s', async (mode, error) => {
      const { result } = await run(
        one(
          {
            Type: 'Map',
            ItemsPath: '$.items',
            ItemProcessor: {
              ProcessorConfig: {
                Mode: mode,
                ...(mode === 'DISTRIBUTED' && { ExecutionType: 'STANDARD' }),
              },
              ...one(invoke('Work', { End: true })),
            },
            Catch: [{ ErrorEquals: [error], ResultPath: '$.error', Next: 'Handled' }],
            End: true,
          },
          { Handled: pass('handled') },
        ),
        { items: [{ fail: 'Broken' }] },
      );
      expect(result).toMatchObject({ error: { Error: error }, went: 'handled' });
    });
  });

  describe('Fail', () => {
    const ended = async (state: object, input: unknown = {}) => {
      const { status, error, cause } = await run(one({ Type: 'Fail', ...state }), input);
      return { status, error, cause };
    };

    it('ends the execution with its error and cause', async () => {
      const execution = await ended({ Error: 'Own', Cause: 'so it is' });
      expect(execution).toEqual({ status: 'FAILED', error: 'Own', cause: 'so it is' });
    });

    it('may take both from its input', async () => {
      const execution = await ended(
        { ErrorPath: '$.error.Error', CausePath: '$.error.Cause' },
        { error: { Error: 'Given', Cause: 'by the input' } },
      );
      expect(execution).toEqual({ status: 'FAILED', error: 'Given', cause: 'by the input' });
    });

    it('may say nothing', async () => {
      expect(await ended({})).toEqual({ status: 'FAILED', error: undefined, cause: undefined });
    });

    it.each([{}, { error: 7 }])(
      'fails as the runtime does without a text at its path: %j',
      async (input) => {
        expect(await ended({ ErrorPath: '$.error' }, input)).toMatchObject({
          status: 'FAILED',
          error: 'States.Runtime',
        });
      },
    );

    it('in a Map’s item is what the Map fails with', async () => {
      const failing = one({ Type: 'Fail', ErrorPath: '$.error' });
      const { status, error } = await run(one({ Type: 'Map', ItemProcessor: failing, End: true }), [
        { error: 'Item' },
      ]);
      expect({ status, error }).toEqual({ status: 'FAILED', error: 'Item' });
    });
  });

  describe('Choice', () => {
    const chosen = async (rule: object, input: unknown): Promise<unknown> => {
      const choice = { Type: 'Choice', Choices: [{ ...rule, Next: 'Yes' }], Default: 'No' };
      const targets = {
        Yes: { Type: 'Pass', Result: 'yes', End: true },
        No: { Type: 'Pass', Result: 'no', End: true },
      };
      const { result, error } = await run(one(choice, targets), input);
      return error ?? result;
    };
    const a = (comparison: object): object => ({ Variable: '$.a', ...comparison });

    it.each([
      [a({ NumericGreaterThan: 3 }), { a: 4 }, 'yes'],
      [a({ NumericGreaterThan: 3 }), { a: 3 }, 'no'],
      // A thing that is no number is neither greater nor smaller.
      [a({ NumericGreaterThan: 3 }), { a: '4' }, 'no'],
      [a({ NumericLessThan: 3 }), { a: null }, 'no'],
      [{ Not: a({ NumericLessThan: 3 }) }, { a: null }, 'yes'],
      [a({ NumericGreaterThanEquals: 3 }), { a: 3 }, 'yes'],
      [a({ NumericLessThanEquals: 3 }), { a: [] }, 'no'],
      [a({ NumericEquals: 0 }), { a: 0 }, 'yes'],
      [a({ NumericEquals: 0 }), { a: false }, 'no'],
      [a({ NumericGreaterThan: 3 }), {}, 'States.Runtime'],
      [a({ IsPresent: true }), { a: null }, 'yes'],
      [a({ IsPresent: true }), {}, 'no'],
      [a({ IsPresent: false }), {}, 'yes'],
      [a({ IsPresent: false }), { a: 0 }, 'no'],
      [a({ IsNull: false }), { a: 0 }, 'yes'],
      [a({ IsNumeric: true }), { a: 1.5 }, 'yes'],
      [a({ IsString: false }), { a: 1.5 }, 'yes'],
      [a({ IsBoolean: true }), { a: false }, 'yes'],
      [a({ BooleanEquals: true }), { a: true }, 'yes'],
      [a({ BooleanEquals: true }), { a: 'true' }, 'no'],
      [a({ BooleanEquals: false }), { a: false }, 'yes'],
      [a({ StringEquals: 'x' }), { a: 'x' }, 'yes'],
      [{ And: [a({ IsPresent: true }), a({ NumericGreaterThan: 3 })] }, {}, 'no'],
      [{ And: [a({ IsPresent: true }), a({ NumericGreaterThan: 3 })] }, { a: 4 }, 'yes'],
      [{ Or: [a({ IsPresent: false }), a({ BooleanEquals: false })] }, { a: false }, 'yes'],
      [{ Not: { Or: [a({ NumericEquals: 1 }), a({ NumericEquals: 2 })] } }, { a: 3 }, 'yes'],
    ])('by %j of %j: %s', async (rule, input, way) => {
      expect(await chosen(rule, input)).toBe(way);
    });

    it('takes the first rule that holds, and hands its input on', async () => {
      const choice = {
        Type: 'Choice',
        Choices: [
          { ...a({ NumericGreaterThan: 10 }), Next: 'Large' },
          { ...a({ NumericGreaterThan: 1 }), Next: 'Middle' },
          { ...a({ IsPresent: true }), Next: 'Small' },
        ],
      };
      const targets = { Large: pass('large'), Middle: pass('middle'), Small: pass('small') };
      const { result, executionArn } = await run(one(choice, targets), { a: 5 });
      expect(result).toEqual({ a: 5, went: 'middle' });
      expect(types(await history(client, executionArn)).slice(1, 3)).toEqual([
        'ChoiceStateEntered',
        'ChoiceStateExited',
      ]);
    });

    it('fails where no rule holds and there is no default', async () => {
      const choice = { Type: 'Choice', Choices: [{ ...a({ BooleanEquals: true }), Next: 'Yes' }] };
      const { status, error } = await run(one(choice, { Yes: pass('yes') }), { a: false });
      expect({ status, error }).toEqual({ status: 'FAILED', error: 'States.NoChoiceMatched' });
    });

    it('decides for each of a Map’s items', async () => {
      const processor = one(
        {
          Type: 'Choice',
          Choices: [{ ...a({ NumericGreaterThan: 1 }), Next: 'Work' }],
          Default: 'Skip',
        },
        { Work: invoke('Work', { End: true }), Skip: pass('skipped') },
      );
      const items = [{ a: 1 }, { a: 2, key: 'chosen' }];
      const { result } = await run(
        one({ Type: 'Map', ItemProcessor: processor, End: true }),
        items,
      );
      expect(result).toEqual([
        { a: 1, went: 'skipped' },
        { a: 2, key: 'chosen', attempt: 1 },
      ]);
    });
  });

  describe('a state machine that is created', () => {
    const roleArn = 'arn:aws:iam::123456789012:role/any';
    const create = (name: string, definition: object, more: object = {}) =>
      client.send(
        new CreateStateMachineCommand({
          name,
          roleArn,
          definition: JSON.stringify(definition),
          ...more,
        }),
      );
    const end = { Type: 'Succeed' };

    it('again is the same one, and keeps its role', async () => {
      const first = await create('again', one(end));
      const again = await create('again', one(end), { roleArn: `${roleArn}other` });
      expect(again).toMatchObject({
        stateMachineArn: first.stateMachineArn,
        creationDate: first.creationDate,
      });
      const { stateMachineArn } = first;
      const described = await client.send(new DescribeStateMachineCommand({ stateMachineArn }));
      expect(described.roleArn).toBe(roleArn);
    });

    it('under a name that another has is refused, and the other stays', async () => {
      const { stateMachineArn = '' } = await create('taken', one(end));
      await expect(create('taken', one({ Type: 'Fail' }))).rejects.toMatchObject({
        name: 'StateMachineAlreadyExists',
      });
      expect((await execute(client, stateMachineArn)).status).toBe('SUCCEEDED');
    });

    it('is refused with what is not rehearsed', async () => {
      await expect(create('published', one(end), { publish: true })).rejects.toMatchObject({
        name: 'ValidationException',
      });
    });
  });

  describe('a task’s events', () => {
    /** The details of the events of the one task that is run, and how it ended. */
    const told = async (task: object, input: unknown) => {
      const { executionArn } = await run(one({ ...task, TimeoutSeconds: 600, End: true }), input);
      const events = await history(client, executionArn);
      return events.slice(2, 5).map(({ id, timestamp, previousEventId, ...own }) => own);
    };
    const direct = { Type: 'Task', Resource: '${Work.Arn}' };
    const arn = 'arn:aws:lambda:us-east-1:123456789012:function:Work';
    const names = { resourceType: 'lambda', resource: 'invoke' };
    const whole = { truncated: false };

    it('name service, action and region for lambda:invoke', async () => {
      const [scheduled, started, succeeded] = await told(invoke('Work'), { key: 'told' });
      expect(scheduled).toEqual({
        type: 'TaskScheduled',
        taskScheduledEventDetails: {
          ...names,
          region: 'us-east-1',
          parameters: JSON.stringify({ FunctionName: arn, Payload: { key: 'told' } }),
          timeoutInSeconds: 600,
        },
      });
      expect(started).toEqual({ type: 'TaskStarted', taskStartedEventDetails: names });
      expect(succeeded).toEqual({
        type: 'TaskSucceeded',
        taskSucceededEventDetails: {
          ...names,
          output: expect.stringContaining('"Payload":{"key":"told","attempt":1}') as string,
          outputDetails: whole,
        },
      });
    });

    it('name the function and its input for a function’s ARN', async () => {
      const [scheduled, started, succeeded] = await told(direct, { key: 'direct' });
      expect(scheduled).toEqual({
        type: 'LambdaFunctionScheduled',
        lambdaFunctionScheduledEventDetails: {
          resource: arn,
          input: '{"key":"direct"}',
          inputDetails: whole,
          timeoutInSeconds: 600,
        },
      });
      expect(started).toEqual({ type: 'LambdaFunctionStarted' });
      expect(succeeded).toEqual({
        type: 'LambdaFunctionSucceeded',
        lambdaFunctionSucceededEventDetails: {
          output: '{"key":"direct","attempt":1}',
          outputDetails: whole,
        },
      });
    });

    it('tell the error and the cause of what failed', async () => {
      const cause = expect.stringContaining('"errorMessage":"will not"') as string;
      const [, , failed] = await told(invoke('Work'), { fail: 'Own' });
      expect(failed).toEqual({
        type: 'TaskFailed',
        taskFailedEventDetails: { ...names, error: 'Own', cause },
      });
      const [, , failedDirect] = await told(direct, { fail: 'Own' });
      expect(failedDirect).toEqual({
        type: 'LambdaFunctionFailed',
        lambdaFunctionFailedEventDetails: { error: 'Own', cause },
      });
    });
  });

  /**
   * Executions on AWS fail with `States.Runtime`: so do its workshop and reports of 2020 to 2025, though
   * its guide also lists `States.ParameterPathFailure`. No `States.ALL` matches it, by the guide's Error
   * handling.
   */
  describe('a path that leads nowhere', () => {
    const handled = {
      Retry: [{ ErrorEquals: ['States.ALL'], MaxAttempts: 2 }],
      Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Caught' }],
    };
    const targets = { Caught: pass('caught'), Next: pass('next') };
    const end = { End: true };
    const map = (fields: object): object => ({
      Type: 'Map',
      ItemsPath: '$.items',
      ItemProcessor: one({ Type: 'Pass', End: true }),
      ...handled,
      ...end,
      ...fields,
    });
    const distributed = {
      ItemProcessor: {
        ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
        ...one({ Type: 'Pass', End: true }),
      },
    };

    it.each<[string, object]>([
      ['InputPath', invoke('Work', { InputPath: '$.none', ...handled, ...end })],
      ['OutputPath', invoke('Work', { OutputPath: '$.Payload.none', ...handled, ...end })],
      ['InputPath', { Type: 'Pass', InputPath: '$.none', ...end }],
      ['OutputPath', { Type: 'Pass', OutputPath: '$.none', ...end }],
      ['OutputPath', { Type: 'Succeed', OutputPath: '$.none' }],
      ['InputPath', { Type: 'Wait', Seconds: 0, InputPath: '$.none', ...end }],
      ['Parameters', { Type: 'Pass', Parameters: { 'a.$': '$.none' }, ...end }],
      ['Parameters', { Type: 'Pass', Parameters: { a: { 'b.$': '$.items[7]' } }, ...end }],
      [
        'Parameters',
        invoke('Work', {
          Parameters: { FunctionName: '${Work.Arn}', Payload: { 'a.$': '$.none.deeper' } },
          ...handled,
          ...end,
        }),
      ],
      [
        'ResultSelector',
        invoke('Work', { ResultSelector: { 'a.$': '$.none' }, ...handled, ...end }),
      ],
      [
        'an intrinsic function',
        { Type: 'Pass', Parameters: { 'a.$': "States.Format('{}', $.none)" }, ...end },
      ],
      ['the context', { Type: 'Pass', Parameters: { 'a.$': '$$.Execution.Input.none' }, ...end }],
      ['ItemsPath', map({ ItemsPath: '$.none' })],
      ['ItemsPath to no array', map({ ItemsPath: '$.key' })],
      ['ItemSelector', map({ ItemSelector: { 'a.$': '$.none' } })],
      ['ItemSelector', map({ ItemSelector: { 'a.$': '$$.Map.Item.Value.none' } })],
      [
        'ItemSelector of a Distributed Map',
        map({ ItemSelector: { 'a.$': '$.none' }, ...distributed }),
      ],
      ['ResultSelector of a Map', map({ ResultSelector: { 'a.$': '$.none' } })],
      [
        'a path in an item',
        map({ ItemProcessor: one({ Type: 'Pass', InputPath: '$.none', ...end }) }),
      ],
      [
        'Variable',
        { Type: 'Choice', Choices: [{ Variable: '$.none', IsNull: true, Next: 'Next' }] },
      ],
      [
        'Variable',
        { Type: 'Choice', Choices: [{ Variable: '$.none', StringEquals: 'x', Next: 'Next' }] },
      ],
      ['ErrorPath', { Type: 'Fail', ErrorPath: '$.none' }],
      ['CausePath', { Type: 'Fail', CausePath: '$.none' }],
    ])('ends the execution, whatever its states retry and catch: %s of %j', async (_, state) => {
      const input = { key: 'path', items: [1] };
      const others = Object.entries(targets).filter(([name]) =>
        JSON.stringify(state).includes(`"Next":"${name}"`),
      );
      const { status, error, cause } = await run(one(state, Object.fromEntries(others)), input);
      expect({ status, error }).toEqual({ status: 'FAILED', error: 'States.Runtime' });
      expect(cause).toEqual(expect.any(String));
    });

    it('is no fault of ResultPath, which has an error of its own that can be caught', async () => {
      const state = invoke('Work', { InputPath: '$', ResultPath: '$.a', ...handled, ...end });
      const { result } = await run(one(state, { Caught: targets.Caught }), 'a text');
      expect(result).toMatchObject({ Error: 'States.ResultPathMatchFailure', went: 'caught' });
    });
  });
});
