import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { ServiceError } from '../service-error.js';
import type { FunctionPool, Invocation } from './function-pool.js';

/** The version that is called where none is named. */
const latest = '$LATEST';
const largestPayload = 6 * 1_048_576;

/** Lambda's Invoke, over functions that run in processes of their own. */
export class LambdaService {
  /** @param invoke runs a function on a JSON text, and notes what it cost */
  constructor(
    private readonly pools: readonly FunctionPool[],
    private readonly invoke: (pool: FunctionPool, payload: string) => Promise<Invocation>,
  ) {}

  /**
   * @param called a function's name, ARN or part of one, with a qualifier or not
   * @param qualifier given beside it
   * @returns undefined when there is no such function, or it has no such version or alias
   */
  find(called: string, qualifier?: string): FunctionPool | undefined {
    const [, arn, name, own] =
      /^(?:(arn:[^:]*:lambda:[^:]*:[^:]*|\d{12}):function:)?([^:]+)(?::([^:]+))?$/.exec(called) ??
      [];
    const version = own ?? qualifier ?? latest;
    // Whoever says it twice says the same.
    if (version !== (qualifier ?? version)) return undefined;
    return this.pools.find(
      ({ definition }) =>
        definition.name === name &&
        (arn === undefined || definition.arn.includes(`${arn}:function:`)) &&
        (version === latest || definition.qualifiers.includes(version)),
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.pools.map((pool) => pool.close()));
  }

  /** Adds the service's one route to a server. */
  register(server: FastifyInstance): void {
    server.post<{
      Params: { name: string };
      Querystring: { Qualifier?: string };
      Body: string | undefined;
    }>(
      '/2015-03-31/functions/:name/invocations',
      { bodyLimit: 2 * largestPayload },
      async (request, reply) => {
        try {
          refuseOption(request.headers, 'x-amz-invocation-type', 'RequestResponse');
          refuseOption(request.headers, 'x-amz-log-type', 'None');
          refuseOption(request.headers, 'x-amz-client-context');
          refuseOption(request.headers, 'x-amz-tenant-id');
          const { name } = request.params;
          if (name === '') {
            const message = 'a function has a name: this path is not rehearsed';
            throw new ServiceError('UnknownOperationException', message, 404);
          }
          const pool = this.find(name, request.query.Qualifier);
          if (pool === undefined) {
            throw new ServiceError('ResourceNotFoundException', `Function not found: ${name}`, 404);
          }
          const { payload, functionError } = await this.invoke(pool, eventOf(request.body));
          reply.header('x-amz-executed-version', '$LATEST').type('application/json');
          if (functionError !== undefined) reply.header('x-amz-function-error', functionError);
          return await reply.send(payload);
        } catch (error) {
          if (!(error instanceof ServiceError)) throw error;
          reply.code(error.status).header('x-amzn-errortype', error.name);
          // By the model, this one's message begins with a capital.
          const member = error.name === 'ResourceNotFoundException' ? 'Message' : 'message';
          return { Type: 'User', [member]: error.message };
        }
      },
    );
  }
}

/** @throws ServiceError when an option has a value that is not rehearsed */
function refuseOption(headers: IncomingHttpHeaders, name: string, known?: string): void {
  const value = headers[name] ?? known;
  if (value === known) return;
  throw new ServiceError(
    'InvalidParameterValueException',
    `${name} ${String(value)} is not rehearsed; ${known ?? 'none'} is`,
  );
}

function eventOf(body: string | undefined): string {
  const text = body === undefined || body === '' ? '{}' : body;
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
