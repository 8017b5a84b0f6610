import { networkInterfaces } from 'node:os';
import { InvokeCommand, LambdaClient, type InvokeCommandOutput } from '@aws-sdk/client-lambda';
import { Rehearsal } from '../src/index.js';
import { writeAssembly, type Assembly } from './assembly.js';
import { clientConfig } from './execute.js';

const sources = {
  Echo: `exports.handler = async (event) => event;`,
  Callback: `exports.handler = (event, context, callback) => { setImmediate(callback, null, { called: event.a }); };`,
  Context: `exports.handler = async (event, context) => ({
    ...context, remaining: context.getRemainingTimeInMillis(), pid: process.pid });`,
  Environment: `exports.handler = async () => process.env;`,
  Throws: `exports.handler = async ({ text }) => {
    if (text) throw text;
    throw Object.assign(new RangeError('too far'), { name: 'TooFarError' });
  };`,
  Count: `let count = 0; exports.handler = async () => { count += 1; return { count, pid: process.pid }; };`,
  Parallel: `exports.handler = async ({ ms }) => {
    const from = Date.now(); await new Promise((resolve) => setTimeout(resolve, ms));
    return { from, to: Date.now(), pid: process.pid };
  };`,
  Slow: `exports.handler = () => new Promise((resolve) => setTimeout(resolve, 60_000));`,
  Exits: `exports.handler = async ({ code }) => { if (code) process.exit(code); return process.pid; };`,
  ExitsLater: `exports.handler = async () => { setImmediate(() => process.exit(1)); return process.pid; };`,
  BrokenAtFirst: `throw Object.assign(new Error('no configuration'), { name: 'ConfigurationError' });`,
  Large: `exports.handler = async () => 'x'.repeat(6 * 1024 * 1024);`,
  Hungry: `exports.handler = async () => { const all = []; for (;;) all.push(new Array(1e6).fill(all)); };`,
  Logs: `exports.handler = async () => { console.log('out', { a: 1 }); console.error('err'); };`,
};

/** AWS has names of 64 characters at most. */
const longestName = 'E'.repeat(64);

const code = (name: keyof typeof sources): { code: string } => ({ code: sources[name] });

describe('Lambda', () => {
  let assembly: Assembly;
  let rehearsal: Rehearsal;
  let client: LambdaClient;
  const lines: string[] = [];

  const invoke = (FunctionName: string, payload: unknown = {}): Promise<InvokeCommandOutput> =>
    client.send(new InvokeCommand({ FunctionName, Payload: Buffer.from(JSON.stringify(payload)) }));
  const answerOf = async (name: string, payload?: unknown): Promise<unknown> =>
    JSON.parse((await invoke(name, payload)).Payload?.transformToString() ?? '') as unknown;

  beforeAll(async () => {
    process.env.SECRET_OF_THE_PARENT = 'must not be seen';
    assembly = writeAssembly({
      functions: {
        Echo: { ...code('Echo') },
        [longestName]: code('Echo'),
        Patient: { ...code('Echo'), timeoutSeconds: 100 * 86_400 },
        Module: {
          code: `
            import { basename } from 'node:path';
            const word = await Promise.resolve('module');
            export const handle = async () => [word, basename(import.meta.url)];`,
          file: 'index.mjs',
          handler: 'index.handle',
        },
        DefaultAlone: {
          code: `export default { handler: async () => 'never called' };`,
          file: 'index.mjs',
        },
        Callback: code('Callback'),
        Context: { ...code('Context'), timeoutSeconds: 600, memoryMegabytes: 512 },
        Environment: {
          ...code('Environment'),
          environment: { OWN: 'value', ARN: { 'Fn::GetAtt': ['Echo', 'Arn'] } },
        },
        Throws: code('Throws'),
        Count: code('Count'),
        Parallel: code('Parallel'),
        Slow: { ...code('Slow'), timeoutSeconds: 1 },
        Exits: code('Exits'),
        ExitsLater: code('ExitsLater'),
        Broken: code('BrokenAtFirst'),
        NoFile: { code: '', handler: 'missing.handler' },
        NoHandler: { code: '', handler: 'index.missing' },
        Large: code('Large'),
        Hungry: { ...code('Hungry'), memoryMegabytes: 128 },
        Logs: code('Logs'),
      },
      resources: {
        Version: { Type: 'AWS::Lambda::Version', Properties: { FunctionName: { Ref: 'Echo' } } },
        Alias: {
          Type: 'AWS::Lambda::Alias',
          Properties: { FunctionName: { Ref: 'Echo' }, Name: 'live' },
        },
      },
    });
    rehearsal = await Rehearsal.start({
      assembly: assembly.folder,
      mostInstances: 3,
      onLog: (name, line) => lines.push(`${name}: ${line}`),
    });
    client = new LambdaClient({ ...clientConfig, endpoint: rehearsal.endpoint });
  });
  afterAll(async () => {
    delete process.env.SECRET_OF_THE_PARENT;
    client.destroy();
    await rehearsal.close();
    assembly.remove();
  });

  it('is reached by the loopback interface alone', async () => {
    const { hostname, port } = new URL(rehearsal.endpoint);
    expect(hostname).toBe('127.0.0.1');
    const others = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4');
    for (const { address } of others) {
      await expect(fetch(`http://${address}:${port}/`)).rejects.toThrow();
    }
  });

  it.each([
    ['name', 'Echo'],
    ['ARN', 'arn:aws:lambda:us-east-1:123456789012:function:Echo'],
    ['name and version', 'Echo:$LATEST'],
    ['longest ARN', `arn:aws:lambda:us-east-1:123456789012:function:${longestName}:$LATEST`],
    ['part of an ARN', '123456789012:function:Echo'],
    ['version’s ARN', 'arn:aws:lambda:us-east-1:123456789012:function:Echo:1'],
    ['alias', 'Echo:live'],
  ])('finds a function by its %s', async (_, name) => {
    const answer = await invoke(name, { a: [1, 'ü'] });
    expect(answer.StatusCode).toBe(200);
    expect(answer.FunctionError).toBeUndefined();
    expect(JSON.parse(answer.Payload?.transformToString() ?? '')).toEqual({ a: [1, 'ü'] });
  });

  it.each([
    ['Nobody'],
    ['arn:aws:lambda:eu-central-1:123456789012:function:Echo'],
    ['210987654321:function:Echo'],
    ['Echo:2'],
    ['Callback:1'],
  ])('says so when there is no such function: %s', async (name) => {
    await expect(invoke(name)).rejects.toThrow(
      expect.objectContaining({ name: 'ResourceNotFoundException' }) as Error,
    );
  });

  it('takes a qualifier for a version or an alias, and no other', async () => {
    const qualified = (FunctionName: string, Qualifier: string) =>
      client.send(new InvokeCommand({ FunctionName, Qualifier }));
    for (const qualifier of ['$LATEST', '1', 'live']) {
      expect((await qualified('Echo', qualifier)).StatusCode).toBe(200);
    }
    expect((await qualified('Echo:1', '1')).StatusCode).toBe(200);
    for (const [name, qualifier] of [
      ['Echo', '2'],
      ['Echo', 'dead'],
      ['Echo:1', 'live'],
    ] as const) {
      await expect(qualified(name, qualifier)).rejects.toMatchObject({
        name: 'ResourceNotFoundException',
      });
    }
  });

  it('runs a handler of an ES module', async () => {
    expect(await answerOf('Module')).toEqual(['module', 'index.mjs']);
  });

  it('runs a handler that calls back', async () => {
    expect(await answerOf('Callback', { a: 7 })).toEqual({ called: 7 });
  });

  it('tells the handler about its invocation', async () => {
    expect(await answerOf('Context')).toMatchObject({
      functionName: 'Context',
      functionVersion: '$LATEST',
      invokedFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:Context',
      memoryLimitInMB: '512',
      logGroupName: '/aws/lambda/Context',
    });
    const { remaining } = (await answerOf('Context')) as { remaining: number };
    expect(remaining).toBeGreaterThan(0);
    expect(remaining).toBeLessThanOrEqual(600_000);
  });

  it('gives a function its own environment and the way to these services, and nothing else', async () => {
    const environment = (await answerOf('Environment')) as Record<string, string>;
    expect(environment).toMatchObject({
      OWN: 'value',
      ARN: 'arn:aws:lambda:us-east-1:123456789012:function:Echo',
      AWS_REGION: 'us-east-1',
      AWS_LAMBDA_FUNCTION_NAME: 'Environment',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '128',
      AWS_ENDPOINT_URL_SFN: rehearsal.endpoint,
      AWS_ENDPOINT_URL_LAMBDA: rehearsal.endpoint,
      AWS_ENDPOINT_URL_RDS_DATA: rehearsal.endpoint,
    });
    expect(environment).not.toHaveProperty('SECRET_OF_THE_PARENT');
    expect(environment).not.toHaveProperty('HOME');
  });

  it('describes what a handler throws', async () => {
    const { FunctionError, StatusCode, Payload } = await invoke('Throws');
    expect({ FunctionError, StatusCode }).toEqual({ FunctionError: 'Unhandled', StatusCode: 200 });
    const described = JSON.parse(Payload?.transformToString() ?? '') as { trace: string[] };
    expect(described).toMatchObject({ errorType: 'TooFarError', errorMessage: 'too far' });
    expect(described.trace[0]).toContain('too far');
    expect(await answerOf('Throws', { text: 'just a text' })).toEqual({
      errorType: 'string',
      errorMessage: 'just a text',
      trace: [],
    });
  });

  it('keeps a process for the next event', async () => {
    const first = (await answerOf('Count')) as { pid: number };
    expect(await answerOf('Count')).toEqual({ count: 2, pid: first.pid });
  });

  it('runs several processes at once, each with one event at a time, up to the most allowed', async () => {
    const spans = (await Promise.all(
      Array.from({ length: 7 }, () => answerOf('Parallel', { ms: 50 })),
    )) as { from: number; to: number; pid: number }[];
    const processes = [...new Set(spans.map(({ pid }) => pid))];
    expect(processes).toHaveLength(3);
    for (const pid of processes) {
      const own = spans.filter((span) => span.pid === pid).sort((a, b) => a.from - b.from);
      for (const [index, { from }] of own.entries()) {
        if (index > 0) expect(from).toBeGreaterThanOrEqual(own[index - 1]!.to);
      }
    }
  });

  it('kills a function whose time is up, and starts it anew', async () => {
    const { FunctionError, Payload } = await invoke('Slow');
    expect(FunctionError).toBe('Unhandled');
    expect(JSON.parse(Payload?.transformToString() ?? '')).toEqual({
      errorType: 'Sandbox.Timedout',
      errorMessage: expect.stringMatching(
        /^RequestId: [0-9a-f-]{36} Error: Task timed out after 1\.00 seconds$/,
      ) as unknown,
    });
  });

  it('gives a function the 100 days that it may take', async () => {
    expect(await answerOf('Patient', { patient: true })).toEqual({ patient: true });
  });

  it('says how a process ended that ended at work', async () => {
    expect(await answerOf('Exits', { code: 3 })).toMatchObject({
      errorType: 'Runtime.ExitError',
      errorMessage: expect.stringContaining('exit status 3') as unknown,
    });
    expect(typeof (await answerOf('Exits'))).toBe('number');
  });

  it('uses no process again that has ended after its answer', async () => {
    const first = await answerOf('ExitsLater');
    while (isAlive(first as number)) await new Promise((resolve) => setImmediate(resolve));
    const second = await answerOf('ExitsLater');
    expect(typeof second).toBe('number');
    expect(second).not.toBe(first);
  });

  it.each([
    ['Broken', 'ConfigurationError', 'no configuration'],
    ['NoFile', 'Runtime.ImportModuleError', 'missing'],
    ['NoHandler', 'Runtime.HandlerNotFound', 'index.missing is undefined or not exported'],
    ['DefaultAlone', 'Runtime.HandlerNotFound', 'index.handler is undefined or not exported'],
  ])('answers with the error of loading %s', async (name, errorType, message) => {
    const { FunctionError, Payload } = await invoke(name);
    expect(FunctionError).toBe('Unhandled');
    expect(JSON.parse(Payload?.transformToString() ?? '')).toMatchObject({
      errorType,
      errorMessage: expect.stringContaining(message) as unknown,
    });
  });

  it('refuses an answer of more than 6 MB', async () => {
    expect(await answerOf('Large')).toMatchObject({ errorType: 'Function.ResponseSizeTooLarge' });
  });

  it('refuses an event of more than 6 MB', async () => {
    await expect(invoke('Echo', 'x'.repeat(6 * 1_048_576))).rejects.toThrow(
      expect.objectContaining({ name: 'RequestTooLargeException' }) as Error,
    );
  });

  it('ends a process that needs more memory than it may have', async () => {
    expect(await answerOf('Hungry')).toMatchObject({ errorType: 'Runtime.ExitError' });
  });

  it('refuses an event that is no JSON', async () => {
    const request = new InvokeCommand({ FunctionName: 'Echo', Payload: Buffer.from('{') });
    await expect(client.send(request)).rejects.toThrow(
      expect.objectContaining({ name: 'InvalidRequestContentException' }) as Error,
    );
  });

  it.each([{ InvocationType: 'Event' as const }, { LogType: 'Tail' as const }])(
    'refuses the option %j instead of passing over it',
    async (option) => {
      const request = new InvokeCommand({ FunctionName: 'Echo', ...option });
      await expect(client.send(request)).rejects.toThrow(
        expect.objectContaining({ name: 'InvalidParameterValueException' }) as Error,
      );
    },
  );

  it('hands on what a function writes to its log, line by line', async () => {
    await invoke('Logs');
    const own = (): string[] => lines.filter((line) => line.startsWith('Logs: '));
    while (own().length < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(own().sort()).toEqual(['Logs: err', 'Logs: out { a: 1 }']);
  });

  it('refuses a request that nobody has signed', async () => {
    const answer = await fetch(`${rehearsal.endpoint}/2015-03-31/functions/Echo/invocations`, {
      method: 'POST',
    });
    expect(answer.status).toBe(403);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
