import type { FastifyInstance } from 'fastify';
import { ServiceError } from '../service-error.js';
import type { FunctionPool, Invocation } from './function-pool.js';

const largestPayload = 6 * 1_048_576;

/** Lambda's Invoke, over functions that run in processes of their own. */
export class LambdaService {
  /** @param invoke runs a function on a JSON text, and notes what it cost */
  constructor(
    private readonly pools: readonly FunctionPool[],
    private readonly invoke: (pool: FunctionPool, payload: string) => Promise<Invocation>,
  ) {}

  /** @param name a function's name or ARN, of whichever version */
  find(name: string): FunctionPool {
    const logicalId = /(?:^|:function:)([^:]+)(?::[^:]+)?$/.exec(name)?.[1] ?? name;
    const pool = this.pools.find(({ definition }) => definition.logicalId === logicalId);
    if (pool !== undefined) return pool;
    throw new ServiceError('ResourceNotFoundException', `Function not found: ${name}`, 404);
  }

  async close(): Promise<void> {
    await Promise.all(this.pools.map((pool) => pool.close()));
  }

  /** Adds the service's one route to a server. */
  register(server: FastifyInstance): void {
    server.addContentTypeParser(
      'application/octet-stream',
      { parseAs: 'string' },
      (_, body, done) => done(null, body),
    );
    server.post<{ Params: { name: string }; Body: unknown }>(
      '/2015-03-31/functions/:name/invocations',
      { bodyLimit: 2 * largestPayload },
      async (request, reply) => {
        try {
          const type = request.headers['x-amz-invocation-type'] ?? 'RequestResponse';
          if (type !== 'RequestResponse') {
            throw new ServiceError(
              'InvalidParameterValueException',
              `${String(type)} is not rehearsed`,
            );
          }
          const pool = this.find(decodeURIComponent(request.params.name));
          const { payload, functionError } = await this.invoke(pool, textOf(request.body));
          reply.header('x-amz-executed-version', '$LATEST').type('application/json');
          if (functionError !== undefined) reply.header('x-amz-function-error', functionError);
          return await reply.send(payload);
        } catch (error) {
          if (!(error instanceof ServiceError)) throw error;
          reply.code(error.status).header('x-amzn-errortype', error.name);
          return { Type: 'User', Message: error.message };
        }
      },
    );
  }
}

function textOf(body: unknown): string {
  const text = body === undefined || body === null || body === '' ? '{}' : asText(body);
  try {
    JSON.parse(text);
  } catch {
    throw new ServiceError(
      'InvalidRequestContentException',
      'Could not parse request body into json',
    );
  }
  if (Buffer.byteLength(text) > largestPayload) {
    throw new ServiceError(
      'RequestTooLargeException',
      'Request must be smaller than 6291456 bytes',
      413,
    );
  }
  return text;
}

function asText(body: unknown): string {
  return typeof body === 'string' ? body : JSON.stringify(body);
}
