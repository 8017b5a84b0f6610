import validate from 'asl-validator';
import { UnsupportedError } from '../src/index.js';
import { parseDefinition } from '../src/step-functions/definition.js';

const task = {
  Type: 'Task',
  Resource: 'arn:aws:states:::lambda:invoke',
  Parameters: { FunctionName: 'f' },
  End: true,
};
const map = {
  Type: 'Map',
  ItemProcessor: {
    ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
    StartAt: 'Work',
    States: { Work: task },
  },
  End: true,
};
const machine = (state: object, fields: object = {}): object => ({
  StartAt: 'Only',
  States: { Only: state },
  ...fields,
});
const choice = (rule: object): object => machine({ Type: 'Choice', Choices: [rule] });
const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth));
const within = (processor: object): object => ({
  ...map,
  ItemProcessor: { ...map.ItemProcessor, ...processor },
});

describe('a definition', () => {
  it.each([
    ['a task', task],
    ['a Map', map],
    ['a task of a plain function', { ...task, Resource: 'arn:aws:lambda:us-east-1:1:function:f' }],
    [
      'a template of paths',
      {
        ...task,
        Parameters: { FunctionName: 'f', Payload: { 'a.$': '$$.Execution.Id', 'b.$': '$.c[0].d' } },
      },
    ],
    ['a path in brackets', { ...task, OutputPath: "$['a b']" }],
    [
      'an intrinsic function',
      {
        ...task,
        Parameters: { FunctionName: 'f', Payload: { 'a.$': "States.Format('{}', $.b)" } },
      },
    ],
    [
      'a jittered retrier',
      {
        ...task,
        Retry: [
          {
            ErrorEquals: ['States.ALL'],
            IntervalSeconds: 1,
            MaxAttempts: 9,
            BackoffRate: 2,
            MaxDelaySeconds: 60,
            JitterStrategy: 'FULL',
          },
        ],
      },
    ],
    [
      'catchers',
      {
        ...task,
        Catch: [
          { ErrorEquals: ['A', 'B'], ResultPath: '$.error', Next: 'Only' },
          { ErrorEquals: ['States.ALL'], Next: 'Only' },
        ],
      },
    ],
    ['a Fail of its input', { Type: 'Fail', ErrorPath: '$.error', CausePath: '$.cause' }],
    ['a Fail without a word', { Type: 'Fail' }],
    ['JSONPath by name', { ...task, QueryLanguage: 'JSONPath' }],
    [
      'a Choice',
      {
        Type: 'Choice',
        Choices: [
          { Variable: '$.a', NumericGreaterThan: 1, Next: 'Only' },
          { And: [{ Variable: '$.a', IsPresent: true }], Next: 'Only' },
          { Not: { Variable: '$.a', BooleanEquals: true }, Next: 'Only' },
        ],
        Default: 'End',
      },
      { End: { Type: 'Succeed' } },
    ],
    ['an inline Map', within({ ProcessorConfig: { Mode: 'INLINE' } })],
  ])('may have %s', (_, state, others: object = {}) => {
    const definition = { StartAt: 'Only', States: { Only: state, ...others } };
    expect(parseDefinition(definition)).toEqual(definition);
    // It writes into what it is given.
    expect(validate(structuredClone(definition), {}).errorsText()).toBe('');
  });

  it.each([
    ['JSONata', machine(task, { QueryLanguage: 'JSONata' }), /QueryLanguage "JSONata"/],
    [
      'JSONata in a state',
      machine({ ...task, QueryLanguage: 'JSONata' }),
      /state Only has QueryLanguage/,
    ],
    ['Arguments', machine({ ...task, Arguments: {} }), /state Only has Arguments/],
    ['Assign', machine({ ...task, Assign: {} }), /state Only has Assign/],
    ['an unknown field', machine({ ...task, Retri: [] }), /state Only has Retri,/],
    [
      'an unknown field of the machine',
      machine(task, { Processor: 1 }),
      /the state machine has Processor/,
    ],
    [
      'an unknown field of a retrier',
      machine({ ...task, Retry: [{ ErrorEquals: ['A'], Max: 1 }] }),
      /Only’s Retry has Max/,
    ],
    ['an ItemReader', machine({ ...map, ItemReader: {} }), /state Only has ItemReader/],
    ['an ItemBatcher', machine({ ...map, ItemBatcher: {} }), /state Only has ItemBatcher/],
    ['a ResultWriter', machine({ ...map, ResultWriter: {} }), /state Only has ResultWriter/],
    [
      'Express children',
      machine(within({ ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'EXPRESS' } })),
      /state Only has "EXPRESS" children/,
    ],
    [
      'tolerated failures',
      machine({ ...map, ToleratedFailureCount: 1 }),
      /Only tolerates failures \(ToleratedFailureCount\)/,
    ],
    [
      'a tolerated percentage',
      machine({ ...map, ToleratedFailurePercentage: 5 }),
      /\(ToleratedFailurePercentage\)/,
    ],
    [
      'a fault within a Map',
      machine(within({ States: { Work: { ...task, HeartbeatSeconds: 1 } } })),
      /state Work has HeartbeatSeconds/,
    ],
    [
      'an activity',
      machine({ ...task, Resource: 'arn:aws:states:us-east-1:1:activity:a' }),
      /state Only has Resource .*activity/,
    ],
    [
      'a task token',
      machine({ ...task, Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken' }),
      /waitForTaskToken/,
    ],
    [
      'another service',
      machine({ ...task, Resource: 'arn:aws:states:::sqs:sendMessage' }),
      /sqs:sendMessage/,
    ],
    [
      '.sync',
      machine({ ...task, Resource: 'arn:aws:states:::states:startExecution.sync:2' }),
      /startExecution\.sync/,
    ],
    [
      'an asynchronous invocation',
      machine({ ...task, Parameters: { FunctionName: 'f', InvocationType: 'Event' } }),
      /Only’s Parameters has InvocationType/,
    ],
    [
      'a catcher that leads nowhere',
      machine({ ...task, Catch: [{ ErrorEquals: ['A'], Next: 'Nowhere' }] }),
      /state Only has Catch.Next "Nowhere"/,
    ],
    [
      'a catcher of nothing',
      machine({ ...task, Catch: [{ ErrorEquals: [], Next: 'Only' }] }),
      /Only’s Catch’s ErrorEquals must be a list, not empty; got \[\]/,
    ],
    [
      'a catcher of what is no name',
      machine({ ...task, Catch: [{ ErrorEquals: [7], Next: 'Only' }] }),
      /Only’s Catch’s ErrorEquals must be a string; got 7/,
    ],
    [
      'a catcher after the one of all',
      machine({
        ...task,
        Catch: [
          { ErrorEquals: ['States.ALL'], Next: 'Only' },
          { ErrorEquals: ['A'], Next: 'Only' },
        ],
      }),
      /Only’s Catch has States.ALL, which stands alone and comes last/,
    ],
    [
      'all errors beside one',
      machine({ ...task, Retry: [{ ErrorEquals: ['States.ALL', 'A'] }] }),
      /Only’s Retry has States.ALL/,
    ],
    [
      'half a retry',
      machine({ ...task, Retry: [{ ErrorEquals: ['A'], MaxAttempts: 0.5 }] }),
      /Only’s Retry’s MaxAttempts must be an integer from 0 to 99999999; got 0.5/,
    ],
    [
      'an interval that shrinks',
      machine({ ...task, Retry: [{ ErrorEquals: ['A'], BackoffRate: 0.5 }] }),
      /BackoffRate must be a number of 1 or more/,
    ],
    [
      'Catch where nothing is tried',
      machine({ Type: 'Pass', Catch: [], End: true }),
      /state Only has Catch, which is not rehearsed/,
    ],
    [
      'a Fail with two errors',
      machine({ Type: 'Fail', Error: 'A', ErrorPath: '$.a' }),
      /state Only has Error and ErrorPath, of which there is one/,
    ],
    [
      'a Fail of a computed cause',
      machine({ Type: 'Fail', CausePath: "States.Format('{}', $.a)" }),
      /state Only has CausePath/,
    ],
    ['a Choice of nothing', machine({ Type: 'Choice', Choices: [] }), /Choices must be a list/],
    [
      'a choice that leads nowhere',
      choice({ Variable: '$.a', IsNull: true, Next: 'Nowhere' }),
      /state Only has Choices.Next "Nowhere"/,
    ],
    [
      'a default that leads nowhere',
      machine({
        Type: 'Choice',
        Choices: [{ Variable: '$.a', IsNull: true, Next: 'Only' }],
        Default: 'Nowhere',
      }),
      /state Only has Default "Nowhere"/,
    ],
    [
      'two comparisons in one',
      choice({ Variable: '$.a', IsNull: true, IsPresent: true, Next: 'Only' }),
      /needs one comparison/,
    ],
    ['no comparison', choice({ Variable: '$.a', Next: 'Only' }), /needs one comparison/],
    ['a comparison of nothing', choice({ IsNull: true, Next: 'Only' }), /has Variable ""/],
    [
      'a comparison with what is no number',
      choice({ Variable: '$.a', NumericGreaterThan: '1', Next: 'Only' }),
      /NumericGreaterThan must be a number; got "1"/,
    ],
    [
      'a comparison of times',
      choice({ Variable: '$.a', TimestampEquals: '2026-01-01T00:00:00Z', Next: 'Only' }),
      /choice has TimestampEquals, which is not rehearsed/,
    ],
    [
      'a comparison of two paths',
      choice({ Variable: '$.a', NumericEqualsPath: '$.b', Next: 'Only' }),
      /choice has NumericEqualsPath/,
    ],
    [
      'a target within a combination',
      choice({ Not: { Variable: '$.a', IsNull: true, Next: 'Only' }, Next: 'Only' }),
      /needs one comparison/,
    ],
    ['an End of a Choice', machine({ Type: 'Choice', Choices: [], End: true }), /Only has End/],
    ['a state without a name', { StartAt: '', States: { '': task } }, /a state named ""/],
    ['a Parallel', machine({ Type: 'Parallel', Branches: [], End: true }), /of type "Parallel"/],
    [
      'a wait until a time',
      machine({ Type: 'Wait', Timestamp: '2026-01-01T00:00:00Z', End: true }),
      /state Only has Timestamp/,
    ],
    ['a path that searches', machine({ ...task, OutputPath: '$..a' }), /OutputPath "\$\.\.a"/],
    ['a path that filters', machine({ ...map, ItemsPath: '$.a[?(@.b)]' }), /ItemsPath/],
    [
      'a task’s token in the context',
      machine({ ...task, Parameters: { FunctionName: 'f', Payload: { 'a.$': '$$.Task.Token' } } }),
      /Parameters\.Payload\.a\.\$ "\$\$\.Task\.Token"/,
    ],
    [
      'the execution’s input in an inline iteration',
      machine(
        within({
          ProcessorConfig: { Mode: 'INLINE' },
          States: { Work: { ...task, InputPath: '$$.Execution.Input' } },
        }),
      ),
      /state Work has InputPath/,
    ],
    [
      'an intrinsic function that is computed otherwise',
      machine({
        ...task,
        Parameters: { FunctionName: 'f', Payload: { 'a.$': 'States.JsonToString($.b)' } },
      }),
      /States\.JsonToString/,
    ],
    ['a state that is none', { StartAt: 'Only', States: { Only: null } }, /state Only must be an/],
    ['a type that objects have', machine({ Type: 'constructor' }), /of type "constructor"/],
    ['both an end and a next', machine({ ...task, Next: 'Only' }), /either Next, or End/],
    ['an end that is none', machine({ ...task, End: false }), /either Next, or End/],
    [
      'half a second',
      machine({ Type: 'Wait', Seconds: 0.5, End: true }),
      /Seconds must be an integ/,
    ],
    ['no function', machine({ ...task, Parameters: {} }), /have no FunctionName/],
    [
      'a processor that is none',
      machine({ ...map, ItemProcessor: [] }),
      /ItemProcessor must be an/,
    ],
    ['less than none at a time', machine({ ...map, MaxConcurrency: -1 }), /MaxConcurrency must be/],
    [
      'what is deeper than anybody writes',
      machine({ Type: 'Pass', Result: nested(100_000), End: true }),
      /nested more than 200 deep/,
    ],
    ['a state that leads nowhere', machine({ Type: 'Pass', Next: 'Nowhere' }), /Next "Nowhere"/],
    ['no end', machine({ Type: 'Pass' }), /state Only has Next undefined/],
    [
      'a state that nothing leads to',
      { StartAt: 'Only', States: { Only: task, Other: task } },
      /state Other is not reached from Only/,
    ],
    [
      'children of no type',
      machine(within({ ProcessorConfig: { Mode: 'DISTRIBUTED' } })),
      /Only has undefined children/,
    ],
    [
      'inline children of a type',
      machine(within({ ProcessorConfig: { Mode: 'INLINE', ExecutionType: 'STANDARD' } })),
      /Only has "STANDARD" children/,
    ],
    ['no such start', { StartAt: 'None', States: {} }, /StartAt "None"/],
    ['no states', { StartAt: 'None' }, /States must be an object/],
    [
      'a result that the interpreter overlooks',
      machine({ Type: 'Pass', Result: 0, End: true }),
      /Result 0/,
    ],
  ])('is refused with %s, naming the place', (_, definition, message) => {
    expect(() => parseDefinition(definition)).toThrow(UnsupportedError);
    expect(() => parseDefinition(definition)).toThrow(message);
  });
});
