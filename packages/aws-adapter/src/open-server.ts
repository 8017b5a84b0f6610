import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { InvalidInputError, messageOf, PersistenceError } from '@stepcompute/core';
import { openPostgres } from '@stepcompute/sql-store/postgres';
import type { DataSource } from 'typeorm';
import type { PostgresAddress } from './wire/index.js';

/**
 * Opens a PostgreSQL server, or a proxy before one, by one connection: Lambda gives a function instance one
 * event at a time. The connection is encrypted, and the server's certificate verified.
 * @throws PersistenceError when the secret or the server can't be reached, or refuses
 */
export async function openServer(
  { host, port, secretArn, database, schema }: PostgresAddress,
  { check }: { readonly check: boolean },
): Promise<DataSource> {
  const client = new SecretsManagerClient({
    requestHandler: { connectionTimeout: longestSilenceMs, requestTimeout: longestSilenceMs },
  });
  const login = await loginFrom(() => readCredentials(client, secretArn));
  const pool = { host, port, ...login, database, ssl: true, max: 1 };
  return openPostgres({ pool, schema, create: false, check });
}

/** Secrets Manager answers within milliseconds; a function without a way to it would wait until its time is up. */
const longestSilenceMs = 10_000;

interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** A user, and his password as it is when a connection is made: a rotation may have changed it. */
export async function loginFrom(
  read: () => Promise<Credentials>,
): Promise<{ readonly user: string; readonly password: () => Promise<string> }> {
  let credentials = await read();
  return {
    user: credentials.username,
    password: async () => {
      const now = await read();
      // A rotation between two users names the other one; the password of this one is as it was.
      if (now.username === credentials.username) credentials = now;
      return credentials.password;
    },
  };
}

async function readCredentials(
  client: SecretsManagerClient,
  secretArn: string,
): Promise<Credentials> {
  let text: string | undefined;
  try {
    ({ SecretString: text } = await client.send(
      new GetSecretValueCommand({ SecretId: secretArn }),
    ));
  } catch (cause) {
    throw new PersistenceError(
      `cannot read the secret ${secretArn}: ${messageOf(cause)}; a function in a VPC needs a NAT gateway, ` +
        'or an interface endpoint for Secrets Manager',
      { cause, retryable: false },
    );
  }
  const { username, password } = parseObject(text);
  if (typeof username === 'string' && typeof password === 'string') return { username, password };
  // Its content is told to nobody.
  throw new InvalidInputError(
    `secret ${secretArn}`,
    'JSON with a username and a password, as RDS makes it',
    'another text',
  );
}

function parseObject(text: string | undefined): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(text ?? '') ?? {}) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}
