/**
 * The program of one instance's process: loads the function's bundle once, then answers one event
 * after the other, as Lambda's own Node.js runtime does.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import type { InstanceMessage, InstanceProps, InstanceRequest } from './instance.js';
import { redirectHosts } from './redirected-hosts.js';
import { ScaledTimers } from './scaled-timers.js';

/** The error is what the function gives as one, of whatever type it really is. */
type Callback = (error: Error | null | undefined, answer?: unknown) => void;
type Handler = (event: unknown, context: object, callback: Callback) => unknown;

/** The longest answer that Lambda takes, in bytes. */
const mostAnswerBytes = 6 * 1_048_576;

let handler: Handler | undefined;

/** The surroundings of the function, which are made before its bundle is loaded. */
const { waits, hosts } = JSON.parse(process.argv[2] ?? '') as InstanceProps;
const timers = new ScaledTimers(waits);
redirectHosts(hosts);

/** An error that is Lambda's own, not the function's. */
function runtimeError(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}

async function load(): Promise<Handler> {
  const { _HANDLER: path = '', LAMBDA_TASK_ROOT: root = '' } = process.env;
  const dot = path.lastIndexOf('.');
  const [module, name] = [path.slice(0, dot), path.slice(dot + 1)];
  const file = ['.js', '.mjs', '.cjs'].map((end) => join(root, module + end)).find(existsSync);
  if (file === undefined) {
    throw runtimeError('Runtime.ImportModuleError', `Error: Cannot find module '${module}'`);
  }
  const bundle = (await import(pathToFileURL(file).href)) as {
    readonly default?: Readonly<Record<string, unknown>>;
  } & Readonly<Record<string, unknown>>;
  // Of a CommonJS module, `default` is the whole; an ES module's own is none of Lambda's business.
  const found = bundle[name] ?? (file.endsWith('.mjs') ? undefined : bundle.default?.[name]);
  if (typeof found === 'function') return found as Handler;
  throw runtimeError('Runtime.HandlerNotFound', `${path} is undefined or not exported`);
}

function contextOf({ requestId, arn }: InstanceRequest): object {
  const { AWS_LAMBDA_FUNCTION_NAME: functionName } = process.env;
  return {
    awsRequestId: requestId,
    callbackWaitsForEmptyEventLoop: true,
    functionName,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn: arn,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    getRemainingTimeInMillis: () => timers.remainingMs,
  };
}

function call(handle: Handler, request: InstanceRequest): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const settle: Callback = (error, answer) => {
      if (error === null || error === undefined) resolve(answer);
      else reject(error);
    };
    const promised = handle(JSON.parse(request.payload), contextOf(request), settle);
    if (promised instanceof Promise) promised.then(resolve, reject);
    // One without a callback has nothing more to say.
    else if (promised !== undefined || handle.length < 3) resolve(null);
  });
}

function described(error: unknown): string {
  if (!(error instanceof Error)) {
    const errorMessage = typeof error === 'string' ? error : JSON.stringify(error);
    return JSON.stringify({ errorType: typeof error, errorMessage, trace: [] });
  }
  const { name, message, stack = '' } = error;
  return JSON.stringify({ errorType: name, errorMessage: message, trace: stack.split('\n') });
}

function textOf(answer: unknown): string {
  const text = JSON.stringify(answer ?? null);
  const bytes = Buffer.byteLength(text);
  if (bytes <= mostAnswerBytes) return text;
  throw runtimeError(
    'Function.ResponseSizeTooLarge',
    `Response payload size exceeded maximum allowed payload size (${mostAnswerBytes} bytes).`,
  );
}

async function serve(request: InstanceRequest): Promise<InstanceMessage> {
  timers.begin(request.timeoutMs, () => process.send?.({ isOver: true } satisfies InstanceMessage));
  let initMs = 0;
  if (handler === undefined) {
    const start = performance.now();
    try {
      handler = await load();
    } catch (error) {
      // Lambda starts another process for the next event.
      const init = performance.now() - start;
      return {
        payload: described(error),
        failed: true,
        initMs: init,
        removedMs: 0,
        isBroken: true,
      };
    }
    initMs = performance.now() - start;
  }
  try {
    const payload = textOf(await call(handler, request));
    const { removedMs } = timers;
    return { payload, failed: false, initMs, removedMs, isBroken: false };
  } catch (error) {
    const { removedMs } = timers;
    return { payload: described(error), failed: true, initMs, removedMs, isBroken: false };
  }
}

process.on('message', (request: InstanceRequest) => {
  void serve(request).then((answer) => process.send?.(answer));
});
// The rehearsal is gone: so is its function.
process.on('disconnect', () => process.exit());
