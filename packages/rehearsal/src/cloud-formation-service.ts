import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { StackDescription } from './assembly.js';

/** Where it is, beside Step Functions, which has the root. */
export const cloudFormationPath = '/cloudformation';

const namespace = 'http://cloudformation.amazonaws.com/doc/2010-05-15/';

/** CloudFormation's DescribeStacks, by its query protocol, for one stack of an assembly: its outputs. */
export class CloudFormationService {
  readonly #createdAt = new Date().toISOString();

  constructor(private readonly stacks: readonly StackDescription[]) {}

  /** Adds the service's one route to a server. */
  register(server: FastifyInstance): void {
    server.post<{ Body: string | undefined }>(`${cloudFormationPath}/`, async ({ body }, reply) => {
      const input = new URLSearchParams(body ?? '');
      const requestId = randomUUID();
      const answer = this.#answer(input, requestId);
      return reply.code(answer.status).type('text/xml').send(answer.xml);
    });
  }

  #answer(
    input: URLSearchParams,
    requestId: string,
  ): { readonly status: number; readonly xml: string } {
    const action = input.get('Action');
    if (action !== 'DescribeStacks') {
      return failed('InvalidAction', `${action} is not rehearsed`, requestId);
    }
    const name = input.get('StackName');
    if (name === null) {
      return failed('ValidationError', 'without a StackName it is not rehearsed', requestId);
    }
    const stack = this.stacks.find(({ name: known, id }) => known === name || id === name);
    if (stack === undefined) {
      return failed('ValidationError', `Stack with id ${name} does not exist`, requestId);
    }
    const outputs = Object.entries(stack.outputs).map(
      ([key, value]) =>
        `<member><OutputKey>${escaped(key)}</OutputKey><OutputValue>${escaped(value)}</OutputValue></member>`,
    );
    return {
      status: 200,
      xml:
        `<DescribeStacksResponse xmlns="${namespace}"><DescribeStacksResult><Stacks><member>` +
        `<StackId>${escaped(stack.id)}</StackId><StackName>${escaped(stack.name)}</StackName>` +
        `<CreationTime>${this.#createdAt}</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus>` +
        `<DisableRollback>false</DisableRollback><Outputs>${outputs.join('')}</Outputs>` +
        `</member></Stacks></DescribeStacksResult>${metadata(requestId)}</DescribeStacksResponse>`,
    };
  }
}

function failed(
  code: string,
  message: string,
  requestId: string,
): { readonly status: number; readonly xml: string } {
  return {
    status: 400,
    xml:
      `<ErrorResponse xmlns="${namespace}"><Error><Type>Sender</Type><Code>${code}</Code>` +
      `<Message>${escaped(message)}</Message></Error><RequestId>${requestId}</RequestId></ErrorResponse>`,
  };
}

function metadata(requestId: string): string {
  return `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
