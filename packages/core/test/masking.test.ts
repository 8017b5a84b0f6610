import fc from 'fast-check';
import { times } from '../../../testing/exhaustive.js';
import { describeValue, withoutSecrets } from '../src/errors/masking.js';

/** Passwords with all that could be taken for their end. */
const passwordWith = (...separators: readonly string[]): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom('', ...separators), { maxLength: 5 }).map((between) => {
    return ['hunter2', ...between.map((separator) => `${separator}hunter2`)].join('');
  });
const unspaced = ['@', ':', '/', '&', '=', ';', ',', '{', '}', "'", '"', 'password=', '://'];
const password = passwordWith(...unspaced, ' ', '\n', '\\', ' password = ');
const unspacedPassword = passwordWith(...unspaced);

const name = fc.constantFrom(
  ...['password', 'PGPASSWORD', 'sslpassword', 'passwd', 'pwd', 'secret', 'api_key'],
  ...['SecretAccessKey', 'aws_session_token', 'passphrase'],
);
const equals = fc.constantFrom('=', ' = ', ': ', '\t:\n');

/** Texts with a password in them, as people and programs write them. */
const texts: Readonly<Record<string, fc.Arbitrary<string>>> = {
  'quoted, as libpq has it': fc
    .tuple(name, equals, password)
    .map(([key, is, word]) => `${key}${is}'${word.replaceAll(/['\\]/g, '\\$&')}'`),
  'quoted, as SQL has it': fc
    .tuple(name, equals, passwordWith(...unspaced, ' '))
    .map(([key, is, word]) => `${key}${is}'${word.replaceAll("'", "''")}'`),
  'with its spaces escaped': fc
    .tuple(name, equals, password)
    .map(([key, is, word]) => `${key}${is}${word.replaceAll(/['\\\s]/g, '\\$&')}`),
  bare: fc.tuple(name, equals, unspacedPassword).map((parts) => parts.join('')),
  'in JSON': fc
    .tuple(name, password, fc.constantFrom(undefined, 2))
    .map(([key, word, indent]) =>
      JSON.stringify({ user: 'me', [key]: word, port: 1 }, null, indent),
    ),
  'in JSON in JSON': fc
    .tuple(name, password)
    .map(([key, word]) => JSON.stringify(JSON.stringify({ [key]: word }))),
  'in a URL': fc
    .tuple(fc.constantFrom('mysql', 'redis', 'https'), fc.constantFrom('me', ''), password)
    .map(([scheme, user, word]) => `${scheme}://${user}:${word}@host/db`),
  'in a URL of a database, mistyped or not': fc
    .tuple(fc.constantFrom('postgres://me:', 'postgresql:/me:', 'POSTGRES:me@'), password)
    .map(([start, word]) => `${start}${word}/host`),
  'in the query of a URL': fc
    .tuple(name, password)
    .map(([key, word]) => `http://host/?a=b&${key}=${encodeURIComponent(word)}&c=d`),
  'between a user and a host': fc
    .tuple(fc.constantFrom('me', ''), unspacedPassword)
    .map(([user, word]) => `${user}:${word}@host:5432/db`),
};
const around = fc.constantFrom(
  ...['', 'host=h ', "it's ", 'a "', '(', 'at 10:30 ', 'see http://host/x ', 'mail me@host '],
  ...["password='x' ", '{"secret":1} ', 'password: '],
);

describe('an error’s text', () => {
  it.each(Object.entries(texts))('tells no password %s', (_, text) => {
    fc.assert(
      fc.property(around, text, around, (before, told, after) => {
        const whole = `${before}${told} ${after}`;
        expect(withoutSecrets(whole)).not.toContain('unter');
        expect(withoutSecrets(whole)).toContain('…');
        expect(describeValue(whole)).not.toContain('unter');
      }),
      { numRuns: times(300, 20_000), seed: 1 },
    );
  });

  it.each([
    ["host=h password='hunter2 x' dbname=d", 'host=h password=… dbname=d'],
    ['mysql://me:hunter2@host/db', 'mysql://…@host/db'],
    ['cannot reach postgres://me:hunter2@host/db\n', 'cannot reach postgres:…\n'],
    ['me:hunter2@host/db', 'me:…@host/db'],
  ])('of %j is %j', (text, masked) => {
    expect(withoutSecrets(text)).toBe(masked);
  });

  it.each([
    '',
    'iteration 5 of run 12 failed: mail bob@host at 10:30',
    'password authentication failed for user "bob"',
    'the default export of /app/node_modules/@scope/dice.js:12:9 is no token',
    'http://host:8080/a?b=c&d=e',
    '{"strike":110,"label":"x: y"}',
    'secretArn=arn:aws:secretsmanager:eu-central-1:1:secret/x',
  ])('of %j stays', (text) => {
    expect(withoutSecrets(text)).toBe(text);
  });
});
