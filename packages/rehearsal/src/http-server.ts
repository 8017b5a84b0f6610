import fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify';
import { ServiceError } from './service-error.js';

/** Longer than a function's ARN may be, each of its characters escaped. */
const mostNameCharacters = 1_000;

/**
 * A server for services that read their bodies themselves, whatever type these say they are. What no
 * service answers it answers as AWS does: with an error's name and message.
 */
export function createServer(): FastifyInstance {
  const server = fastify({
    logger: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: mostNameCharacters },
    frameworkErrors: (error, _, reply) => {
      void answerError(reply, serviceErrorOf(error));
    },
    clientErrorHandler: (_, socket) => {
      // There may be nobody left to be told.
      if (socket.writable) socket.end(badRequest);
      else socket.destroy();
    },
  });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'string' }, (_, body, done) => done(null, body));
  server.addHook('onRequest', async (request, reply) => {
    if (request.headers.authorization !== undefined) return;
    const error = new ServiceError(
      'MissingAuthenticationToken',
      'Missing Authentication Token',
      403,
    );
    await answerError(reply, error);
  });
  server.setNotFoundHandler((request, reply) => {
    const message = `${request.method} ${request.url} is not rehearsed`;
    return answerError(reply, new ServiceError('UnknownOperationException', message, 404));
  });
  server.setErrorHandler<FastifyError>((error, _, reply) =>
    answerError(reply, serviceErrorOf(error)),
  );
  return server;
}

function answerError(
  reply: FastifyReply,
  { name, message, status, members }: ServiceError,
): FastifyReply {
  return reply
    .code(status)
    .header('x-amzn-errortype', name)
    .type('application/json')
    .send(JSON.stringify({ __type: name, message, ...members }));
}

function serviceErrorOf(error: FastifyError | ServiceError): ServiceError {
  if (error instanceof ServiceError) return error;
  const { statusCode = 500, message } = error;
  if (statusCode >= 500) return new ServiceError('InternalFailure', message, 500);
  return statusCode === 413
    ? new ServiceError('RequestEntityTooLargeException', message, 413)
    : new ServiceError('MalformedHttpRequestException', message);
}

const badRequestBody = '{"__type":"MalformedHttpRequestException","message":"This is no HTTP"}';
/** For what is not even a request, and so has no reply. */
const badRequest = [
  'HTTP/1.1 400 Bad Request',
  'content-type: application/json',
  'x-amzn-errortype: MalformedHttpRequestException',
  `content-length: ${badRequestBody.length}`,
  'connection: close',
  '',
  badRequestBody,
].join('\r\n');
