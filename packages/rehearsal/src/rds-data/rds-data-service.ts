import type { FastifyInstance, FastifyReply } from 'fastify';
import { jsonOf, readInput, type Kind } from '../input.js';
import { ServiceError } from '../service-error.js';
import { after } from '../timer.js';
import {
  statementTimeoutMs,
  type Engine,
  type EngineSession,
  type StatementResult,
} from '../postgres/engine.js';
import { scanStatement } from './named-parameters.js';
import { Transactions } from './transactions.js';
import {
  catalogueQuery,
  columnTypeOf,
  invalid,
  parameterOf,
  parameterSetOf,
  toTypedText,
  unknownTypes,
  type ColumnType,
  type Field,
  type Parameter,
} from './values.js';

/**
 * The faults of a call: the cluster is waking up; the statement is done but its time is said
 * to be up; the connection breaks before or after the work.
 */
export type StatementFault =
  'resuming' | 'timeoutAfterCommit' | 'droppedConnection' | 'droppedAnswer';

/** A cluster that the Data API is asked for, and what is behind it. */
export interface DataApiCluster {
  readonly resourceArn: string;
  readonly secretArn: string;
  readonly database: string | undefined;
  readonly engine: Engine;
}

/** A call that was answered, or dropped. */
export interface DataApiCall {
  /** Of the request and of the answer. */
  readonly bytes: number;
  /** The error's name, if it was one. */
  readonly error?: string | undefined;
}

export interface RdsDataServiceProps {
  readonly clusters: readonly DataApiCluster[];
  /**
   * The fault of the next call. A cluster with an open transaction does not pause, so that the end of one
   * never meets it resuming; nor has it such an error, by the model.
   * @default none
   */
  readonly nextFault?: ((endsTransaction: boolean) => StatementFault | undefined) | undefined;
  /** Told of each call. */
  readonly onCall?: ((call: DataApiCall) => void) | undefined;
  /** How long a call may take that continues after it. Default: AWS's 45 seconds. */
  readonly statementTimeoutMs?: number | undefined;
}

const mebibyte = 1_048_576;
const mostRequestBytes = 4 * mebibyte;
const mostResponseBytes = mebibyte;
const mostRowBytes = 65_536;

interface Body {
  readonly resourceArn?: string;
  readonly secretArn?: string;
  readonly database?: string;
  readonly schema?: string;
  readonly sql?: string;
  readonly parameters?: readonly unknown[];
  readonly parameterSets?: readonly unknown[];
  readonly transactionId?: string;
  readonly continueAfterTimeout?: boolean;
  readonly includeResultMetadata?: boolean;
  readonly formatRecordsAs?: string;
  readonly resultSetOptions?: {
    readonly decimalReturnType?: unknown;
    readonly longReturnType?: unknown;
  };
}

const kinds: Readonly<Record<keyof Body, Kind>> = {
  resourceArn: 'string',
  secretArn: 'string',
  database: 'string',
  schema: 'string',
  sql: 'string',
  parameters: 'list',
  parameterSets: 'list',
  transactionId: 'string',
  continueAfterTimeout: 'boolean',
  includeResultMetadata: 'boolean',
  formatRecordsAs: 'string',
  resultSetOptions: 'structure',
};

interface Target {
  readonly engine: Engine;
  readonly transactions: Transactions;
}

/** The RDS Data API for Aurora PostgreSQL, over databases at hand. */
export class RdsDataService {
  readonly #targets: ReadonlyMap<DataApiCluster, Target>;

  constructor(private readonly props: RdsDataServiceProps) {
    this.#targets = new Map(
      props.clusters.map((cluster) => [
        cluster,
        {
          engine: cluster.engine,
          transactions: new Transactions(cluster.engine),
        },
      ]),
    );
  }

  get openTransactions(): number {
    return [...this.#targets.values()].reduce(
      (sum, { transactions }) => sum + transactions.count,
      0,
    );
  }

  async close(): Promise<void> {
    await Promise.all([...this.#targets.values()].map(({ transactions }) => transactions.close()));
  }

  /** Adds the service's routes to a server. */
  register(server: FastifyInstance): void {
    const serve = (path: string, work: (body: Body) => Promise<object>): void => {
      server.post<{ Body: string | undefined }>(
        path,
        { bodyLimit: 2 * mostRequestBytes },
        (request, reply) => this.#answer(path.slice(1), request.body, reply, work),
      );
    };
    serve('/Execute', (body) => this.#execute(body));
    serve('/BatchExecute', (body) => this.#batchExecute(body));
    serve('/BeginTransaction', async (body) => ({
      transactionId: await this.#targetOf(body).transactions.begin(),
    }));
    serve('/CommitTransaction', (body) => this.#end(body, 'COMMIT', 'Transaction Committed'));
    serve('/RollbackTransaction', (body) => this.#end(body, 'ROLLBACK', 'Rollback Complete'));
  }

  async #answer(
    operation: string,
    text: string | undefined,
    reply: FastifyReply,
    work: (body: Body) => Promise<object>,
  ): Promise<FastifyReply> {
    const requestBytes = Buffer.byteLength(text ?? '');
    const tell = (answer: string, error?: string): void =>
      this.props.onCall?.({ bytes: requestBytes + Buffer.byteLength(answer), error });
    const drop = (answer = ''): FastifyReply => {
      tell(answer, 'dropped');
      reply.hijack().raw.destroy();
      return reply;
    };
    const fault = this.props.nextFault?.(/^(?:Commit|Rollback)/.test(operation));
    if (fault === 'droppedConnection') return drop();
    try {
      if (fault === 'resuming') {
        throw new ServiceError('DatabaseResumingException', 'The Aurora DB instance is resuming.');
      }
      if (requestBytes > mostRequestBytes) {
        const message = 'Request size is larger than the allowed 4 MiB';
        throw new ServiceError('RequestEntityTooLargeException', message, 413);
      }
      const answer = jsonOf(await work(readInput(text, kinds)));
      if (fault === 'droppedAnswer') return await drop(answer);
      if (fault === 'timeoutAfterCommit') {
        throw timedOut();
      }
      if (Buffer.byteLength(answer) > mostResponseBytes) {
        throw tooLarge('Database returned more than the allowed response size limit');
      }
      tell(answer);
      return await reply.type('application/json').send(answer);
    } catch (error) {
      const { name, message, status, members } = serviceErrorOf(error);
      const answer = JSON.stringify({ message, ...members });
      tell(answer, name);
      return reply
        .code(status)
        .header('x-amzn-errortype', name)
        .type('application/json')
        .send(answer);
    }
  }

  #targetOf({ resourceArn, secretArn, database, schema }: Body): Target {
    required(resourceArn, 'resourceArn');
    required(secretArn, 'secretArn');
    if (schema !== undefined) throw invalid("The schema parameter isn't supported");
    const cluster = this.props.clusters.find((known) => known.resourceArn === resourceArn);
    if (cluster === undefined) {
      throw new ServiceError(
        'HttpEndpointNotEnabledException',
        `HttpEndpoint is not enabled for resource ${resourceArn}`,
      );
    }
    if (cluster.secretArn !== secretArn) {
      throw new ServiceError(
        'SecretsErrorException',
        `There was a problem using the Secrets Manager secret ${secretArn}`,
      );
    }
    if (database !== undefined && cluster.database !== undefined && database !== cluster.database) {
      // PostgreSQL's words: by the model, `DatabaseNotFoundException` is for a cluster without an instance.
      throw new ServiceError(
        'DatabaseErrorException',
        `FATAL: database "${database}" does not exist; SQLState: 3D000`,
      );
    }
    return this.#targets.get(cluster)!;
  }

  async #end(body: Body, statement: 'COMMIT' | 'ROLLBACK', status: string): Promise<object> {
    const { transactions } = this.#targetOf(body);
    await transactions.end(required(body.transactionId, 'transactionId'), statement);
    return { transactionStatus: status };
  }

  async #execute(body: Body): Promise<object> {
    const sql = required(body.sql, 'sql');
    const parameters = (body.parameters ?? []).map(parameterOf);
    const { formatRecordsAs = 'NONE', continueAfterTimeout = false } = body;
    if (!['NONE', 'JSON'].includes(formatRecordsAs)) {
      throw invalid(`formatRecordsAs must be NONE or JSON; got ${formatRecordsAs}`);
    }
    const work = this.#on(body, async (session) => {
      if (continueAfterTimeout) await session.query('SET statement_timeout = 0', []);
      const result = await run(session, sql, parameters);
      if (continueAfterTimeout) await session.query('SET statement_timeout TO DEFAULT', []);
      return answerOf(result, await columnTypesOf(session, result), body);
    });
    const ms = this.props.statementTimeoutMs ?? statementTimeoutMs;
    return continueAfterTimeout ? within(ms, work) : work;
  }

  async #batchExecute(body: Body): Promise<object> {
    const sql = required(body.sql, 'sql');
    const sets = (body.parameterSets ?? [[]]).map(parameterSetOf);
    const inOneTransaction = body.transactionId === undefined;
    await this.#on(body, async (session) => {
      if (inOneTransaction) await session.query('BEGIN', []);
      try {
        for (const parameters of sets) await run(session, sql, parameters);
      } catch (error) {
        if (inOneTransaction) await session.query('ROLLBACK', []);
        throw error;
      }
      if (inOneTransaction) await session.query('COMMIT', []);
    });
    return { updateResults: sets.map(() => ({ generatedFields: [] })) };
  }

  /** Runs work on the call's transaction, or on a session that is as new afterwards. */
  async #on<T>(body: Body, work: (session: EngineSession) => Promise<T>): Promise<T> {
    const { engine, transactions } = this.#targetOf(body);
    if (body.transactionId !== undefined) return transactions.use(body.transactionId, work);
    const session = await engine.lease();
    let broken = true;
    try {
      const answer = await work(session);
      broken = false;
      return answer;
    } catch (error) {
      broken = sqlStateOf(error) === undefined && !(error instanceof ServiceError);
      throw error;
    } finally {
      // Settings and locks that a statement made for its session end with the call.
      if (!broken) await asNew(session).catch(() => (broken = true));
      session.release(broken);
    }
  }
}

async function asNew(session: EngineSession): Promise<void> {
  try {
    await session.query('DISCARD ALL', []);
  } catch {
    // The statement has begun a transaction.
    await session.query('ROLLBACK', []);
    await session.query('DISCARD ALL', []);
  }
}

async function run(
  session: EngineSession,
  sql: string,
  parameters: readonly Parameter[],
): Promise<StatementResult> {
  const known = new Map(parameters.map((parameter) => [parameter.name, toTypedText(parameter)]));
  const sent = parameters.map(({ name = '' }) => name);
  const { names, rewrite, words } = scanStatement(sql, sent);
  // There is nobody to copy from or to: the engine would wait for ever.
  if (/^\s*copy\b.*\b(?:stdin|stdout)\b/is.test(words)) {
    throw new ServiceError('DatabaseErrorException', 'COPY from or to the client is not supported');
  }
  const values = names.map((name) => {
    const value = known.get(name);
    if (value === undefined) throw invalid(`Cannot find parameter: ${name}`);
    return value;
  });
  // The cast gives the parameter the type that it was sent with, whatever its place would like.
  const statement = rewrite((name) => {
    const index = names.indexOf(name);
    const type = values[index]?.type;
    return type === undefined ? `$${index + 1}` : `($${index + 1}::${type})`;
  });
  return session.query(
    statement,
    values.map(({ text }) => text),
  );
}

/** @throws ServiceError for a type that the Data API does not answer with */
async function columnTypesOf(
  session: EngineSession,
  { columns }: StatementResult,
): Promise<readonly ColumnType[]> {
  const unknown = unknownTypes(columns.map(({ typeOid }) => typeOid));
  const { rows } =
    unknown.length === 0 ? { rows: [] } : await session.query(catalogueQuery, [unknown.join(',')]);
  const catalogue = rows.map(([oid, name, isEnumeration, items]) => ({
    oid: Number(oid),
    name: name ?? '',
    isEnumeration: isEnumeration?.startsWith('t') === true,
    items: items === null || items === undefined ? undefined : Number(items),
  }));
  return columns.map(({ typeOid }) => columnTypeOf(typeOid, catalogue));
}

function answerOf(
  { columns, rows, changed }: StatementResult,
  types: readonly ColumnType[],
  body: Body,
): object {
  const { decimalReturnType, longReturnType } = body.resultSetOptions ?? {};
  const fieldOf = (text: string | null, type: ColumnType): Field => {
    if (text === null) return { isNull: true };
    const field = type.read(text);
    if ('longValue' in field && longReturnType === 'STRING') return { stringValue: text };
    if (type.name !== 'numeric' || decimalReturnType !== 'DOUBLE_OR_LONG') return field;
    const isLong = /^-?\d+$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);
    return isLong ? { longValue: BigInt(text) } : { doubleValue: Number(text) };
  };
  const records = rows.map((row) => {
    if (row.reduce((sum, text) => sum + Buffer.byteLength(text ?? ''), 0) > mostRowBytes) {
      throw tooLarge('The result contains a row of more than 64 KB');
    }
    return row.map((text, index) => fieldOf(text, types[index]!));
  });
  const columnMetadata = columns.map(({ name }, index) => ({
    name,
    label: name,
    typeName: types[index]?.name,
  }));
  if (columns.length === 0) return { numberOfRecordsUpdated: changed, generatedFields: [] };
  if (body.formatRecordsAs === 'JSON') {
    const names = columns.map(({ name }) => name);
    return { numberOfRecordsUpdated: changed, formattedRecords: formatted(names, records) };
  }
  return {
    numberOfRecordsUpdated: changed,
    generatedFields: [],
    records,
    ...(body.includeResultMetadata === true && { columnMetadata }),
  };
}

/** The records as one JSON text. Columns of one name all have their member. */
function formatted(names: readonly string[], records: readonly (readonly Field[])[]): string {
  const valueOf = (field: Field): unknown => {
    const [value] = Object.values(field) as unknown[];
    if ('isNull' in field) return null;
    return 'arrayValue' in field ? Object.values(field.arrayValue)[0] : value;
  };
  const objects = records.map((fields) => {
    const members = fields.map(
      (field, index) => `${JSON.stringify(names[index])}:${jsonOf(valueOf(field))}`,
    );
    return `{${members.join(',')}}`;
  });
  return `[${objects.join(',')}]`;
}

/** @throws ServiceError when the work takes longer; it goes on all the same */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let callOff: () => void = () => undefined;
  const timeout = new Promise<never>((_, reject) => {
    callOff = after(ms, () => reject(timedOut()));
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    callOff();
  }
}

function required(value: string | undefined, name: string): string {
  if (value !== undefined && value !== '') return value;
  throw new ServiceError('ValidationException', `${name} must not be empty`);
}

function sqlStateOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** PostgreSQL's errors, in the words of the Data API. */
function serviceErrorOf(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  const { message, detail, code } = error as { message?: string; detail?: string; code?: string };
  const state = sqlStateOf(error);
  if (state === '57014') return timedOut();
  if (state === '42601' && message?.includes('multiple commands') === true) {
    return invalid("Multistatements aren't supported");
  }
  if (state !== undefined) {
    const hint = detail === undefined ? '' : `\n  Detail: ${detail}`;
    return new ServiceError(
      'DatabaseErrorException',
      `ERROR: ${message ?? ''}${hint}; SQLState: ${state}`,
    );
  }
  // Not in its own words, which may name the database and who it was opened as.
  const reason = `The database could not be asked (${code ?? 'no code'})`;
  return new ServiceError('InternalServerErrorException', reason, 500);
}

function timedOut(): ServiceError {
  return new ServiceError('StatementTimeoutException', 'Request timed out');
}

/** By the model, a result's size is one of the things that may be unsupported. */
function tooLarge(message: string): ServiceError {
  return new ServiceError('UnsupportedResultException', message);
}
