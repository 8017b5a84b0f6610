import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { InvalidInputError } from '@stepcompute/core';

/**
 * The settings of a service, from the files that libpq reads: `PGSERVICEFILE`, or `~/.pg_service.conf`, then
 * `pg_service.conf` in `PGSYSCONFDIR`.
 * Source: PostgreSQL 18, "34.17. The Connection Service File", read 2026-11.
 * @throws InvalidInputError when no file has such a service
 */
export function readService(name: string, environment: NodeJS.ProcessEnv): Map<string, string> {
  const { PGSERVICEFILE: own, PGSYSCONFDIR: common } = environment;
  const files = [
    own ?? join(homedir(), '.pg_service.conf'),
    ...(common === undefined ? [] : [join(common, 'pg_service.conf')]),
  ];
  for (const file of files) {
    const found = existsSync(file) ? sectionOf(textOf(file), name) : undefined;
    if (found !== undefined) return found;
  }
  throw new InvalidInputError('service', `one that ${files.join(' or ')} has`, name);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const { code } = cause as { code?: string };
    throw new InvalidInputError('service file', `one that can be read (${code})`, file, { cause });
  }
}

/** Undefined when there is no such section. */
function sectionOf(text: string, name: string): Map<string, string> | undefined {
  let section: Map<string, string> | undefined;
  for (const line of text.split(/\r?\n/).map((each) => each.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('[')) {
      if (section !== undefined) return section;
      if (line === `[${name}]`) section = new Map();
      continue;
    }
    const [key = '', ...value] = line.split('=');
    section?.set(key.trim(), value.join('=').trim());
  }
  return section;
}
