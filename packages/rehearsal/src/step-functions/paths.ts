import { UnsupportedError } from '../service-error.js';

const member = String.raw`\.[\p{L}_][\p{L}\p{N}_-]*`;
/** Paths that lead to one place. The interpreter reads others, which search, in its own way. */
const definitePath = new RegExp(String.raw`^\$(?:${member}|\[\d+\]|\['[^'\\]*'\])*$`, 'u');
const resultPath = new RegExp(String.raw`^\$(?:${member})*$`, 'u');

/** The fields of the context object here. */
const contextPaths = [
  '$$.Execution.Id',
  '$$.Execution.Name',
  '$$.Execution.RoleArn',
  '$$.StateMachine.Id',
  '$$.StateMachine.Name',
  '$$.Map.Item.Index',
  '$$.Map.Item.Value',
];
/** The same without an inline Map's iterations, which the interpreter takes for executions. */
const executionPaths = ['$$.Execution.Input', '$$.Execution.StartTime'];

/** Those that the interpreter computes as AWS does; others lose backslashes or differ in detail. */
const intrinsics = [
  'States.Array',
  'States.ArrayLength',
  'States.ArrayPartition',
  'States.ArrayRange',
  'States.ArrayGetItem',
  'States.Format',
  'States.MathAdd',
  'States.UUID',
];

/** Where a path is: for the error, and because not every place knows every path. */
export interface Place {
  readonly name: string;
  readonly isInline: boolean;
}

/** @throws UnsupportedError unless the path is read here as AWS reads it */
export function assertPath(path: unknown, place: Place, field: string): void {
  if (path === undefined || path === null) return;
  if (typeof path === 'string' && isKnownPath(path, place)) return;
  throw new UnsupportedError(
    `${place.name} has ${field} ${JSON.stringify(path)}, a path that is not rehearsed`,
  );
}

function isKnownPath(path: string, { isInline }: Place): boolean {
  if (!path.startsWith('$$')) return definitePath.test(path);
  if (!definitePath.test(path.slice(1))) return false;
  const known = isInline ? contextPaths : [...contextPaths, ...executionPaths];
  return known.some(
    (one) => path === one || path.startsWith(`${one}.`) || path.startsWith(`${one}[`),
  );
}

/** @throws UnsupportedError unless the result is put where AWS puts it */
export function assertResultPath(path: unknown, place: Place, field: string): void {
  if (path === undefined || path === null) return;
  if (typeof path === 'string' && resultPath.test(path)) return;
  throw new UnsupportedError(
    `${place.name} has ${field} ${JSON.stringify(path)}, a path that is not rehearsed`,
  );
}

/** Checks every path and intrinsic function in a payload template. */
export function assertTemplate(template: unknown, place: Place, field: string): void {
  if (Array.isArray(template)) {
    for (const item of template) assertTemplate(item, place, field);
  } else if (typeof template === 'object' && template !== null) {
    for (const [key, value] of Object.entries(template)) {
      if (key.endsWith('.$')) assertExpression(value, place, `${field}.${key}`);
      else assertTemplate(value, place, `${field}.${key}`);
    }
  }
}

function assertExpression(expression: unknown, place: Place, field: string): void {
  if (typeof expression !== 'string' || expression.startsWith('$') || expression === '') {
    assertPath(expression ?? '', place, field);
    return;
  }
  const called = expression.match(/States\.\w+(?=\()/g) ?? [''];
  const other = called.find((name) => !intrinsics.includes(name));
  if (other !== undefined || expression.includes('\\')) {
    throw new UnsupportedError(`${place.name} has ${field} ${expression}, which is not rehearsed`);
  }
  for (const path of expression.match(/\$[^,\s)]*/g) ?? []) assertPath(path, place, field);
}
