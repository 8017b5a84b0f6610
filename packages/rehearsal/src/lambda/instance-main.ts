/**
 * What runs in the process of one instance: loads the function's bundle once, then answers one event
 * after the other, as Lambda's own Node.js runtime does.
 */
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { InstanceAnswer, InstanceRequest } from './instance.js';

type Callback = (error: unknown, answer?: unknown) => void;
type Handler = (event: unknown, context: object, callback: Callback) => unknown;

let handler: Promise<Handler> | undefined;

async function load(): Promise<Handler> {
  const [file, name] = (process.env._HANDLER ?? '').split('.');
  const bundle = (await import(join(process.env.LAMBDA_TASK_ROOT ?? '', `${file}.js`))) as {
    default?: Record<string, unknown>;
  } & Record<string, unknown>;
  const found = bundle[name ?? ''] ?? bundle.default?.[name ?? ''];
  if (typeof found !== 'function') {
    throw Object.assign(new Error(`${file}.${name} is undefined or not exported`), {
      name: 'Runtime.HandlerNotFound',
    });
  }
  return found as Handler;
}

function contextOf({ requestId, arn, deadline }: InstanceRequest): object {
  return {
    awsRequestId: requestId,
    callbackWaitsForEmptyEventLoop: true,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: '$LATEST',
    invokedFunctionArn: arn,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: `/aws/lambda/${process.env.AWS_LAMBDA_FUNCTION_NAME}`,
    logStreamName: String(process.pid),
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

async function serve(request: InstanceRequest): Promise<InstanceAnswer> {
  let initMs = 0;
  try {
    if (handler === undefined) {
      const start = performance.now();
      handler = load();
      await handler;
      initMs = performance.now() - start;
    }
    const handle = await handler;
    const answer = await new Promise<unknown>((resolve, reject) => {
      const promised = handle(JSON.parse(request.payload), contextOf(request), (error, value) => {
        if (error === null || error === undefined) resolve(value);
        else reject(asError(error));
      });
      if (promised instanceof Promise) promised.then(resolve, reject);
    });
    return { payload: JSON.stringify(answer ?? null), failed: false, initMs };
  } catch (error) {
    const { name, message, stack } = asError(error);
    const trace = (stack ?? '').split('\n').slice(0, 20);
    const payload = JSON.stringify({ errorType: name, errorMessage: message, trace });
    return { payload, failed: true, initMs };
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

process.on('message', (request: InstanceRequest) => {
  void serve(request).then((answer) => process.send?.(answer));
});
// The rehearsal is gone: so is its function.
process.on('disconnect', () => process.exit());
