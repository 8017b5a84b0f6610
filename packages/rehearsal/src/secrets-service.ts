import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { Secret } from './assembly.js';
import { readInput } from './input.js';
import { ServiceError } from './service-error.js';

/** Where it is, beside Step Functions, which has the root. */
export const secretsPath = '/secretsmanager';

/** Secrets Manager's GetSecretValue, for the secrets of an assembly. */
export class SecretsService {
  readonly #createdDate = Date.now() / 1000;

  constructor(private readonly secrets: readonly Secret[]) {}

  /** Adds the service's one route to a server. */
  register(server: FastifyInstance): void {
    server.post<{ Body: string | undefined }>(
      `${secretsPath}/`,
      async ({ headers, body }, reply) => {
        const called = String(headers['x-amz-target']);
        if (called !== 'secretsmanager.GetSecretValue') {
          throw new ServiceError('UnknownOperationException', `${called} is not rehearsed`, 404);
        }
        const answer = JSON.stringify(this.#value(body));
        return reply.type('application/x-amz-json-1.1').send(answer);
      },
    );
  }

  #value(body: string | undefined): object {
    const kinds = { SecretId: 'string', VersionId: 'string', VersionStage: 'string' } as const;
    const input = readInput(body, kinds) as { readonly [name in keyof typeof kinds]?: string };
    const { SecretId: id = '', VersionId, VersionStage = current } = input;
    const secret = this.secrets.find(({ arn }) => arn === id || nameIn(arn) === id);
    const version = secret && versionOf(secret);
    if (secret === undefined || VersionStage !== current || (VersionId ?? version) !== version) {
      const message = "Secrets Manager can't find the specified secret.";
      // By the model, its message begins with a capital.
      const members = { message: undefined, Message: message };
      throw new ServiceError('ResourceNotFoundException', message, 400, members);
    }
    const { arn: ARN, text: SecretString } = secret;
    return {
      ARN,
      Name: nameIn(ARN),
      VersionId: version,
      SecretString,
      VersionStages: [current],
      CreatedDate: this.#createdDate,
    };
  }
}

const current = 'AWSCURRENT';

function nameIn(arn: string): string {
  return arn.slice(arn.indexOf(':secret:') + ':secret:'.length);
}

/** Of the form of a UUID, as AWS's are. */
function versionOf({ arn }: Secret): string {
  const digits = createHash('sha256').update(arn).digest('hex');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
}
