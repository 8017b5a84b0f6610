/**
 * Node's module hooks for TypeScript. `module.registerHooks` calls them for `import` and `require`;
 * `module.register`, in a thread of its own, for `import`.
 */
import { createRequire } from 'node:module';
import { dirname, resolve as resolvePath } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isTypeScript } from './files.js';
import { compile, meantBy } from './typescript.js';

interface Context {
  /** Node 20 tells `load` none. */
  readonly conditions?: readonly string[] | undefined;
  readonly parentURL?: string | undefined;
}

type Next<Result> = (subject: string, context: Context) => Result;

/** TypeScript files import each other by the names that TypeScript allows, and JSON without attributes. */
export function resolve<Result>(
  specifier: string,
  context: Context,
  next: Next<Result>,
): Result | object {
  const { parentURL = '' } = context;
  if (!parentURL.startsWith('file:') || !isTypeScript(parentURL)) return next(specifier, context);
  const isImport = context.conditions?.includes('require') !== true;
  const [name = '', query = ''] = isImport ? specifier.split(/(?=[?#])/, 2) : [specifier];
  const path = pathOf(name, parentURL, isImport);
  const found = path === undefined ? undefined : meantBy(path);
  if (isImport && (found ?? name).endsWith('.json')) {
    return {
      url: pathToFileURL(found ?? path ?? createRequire(parentURL).resolve(name)).href + query,
      format: 'json',
      importAttributes: { type: 'json' },
      shortCircuit: true,
    };
  }
  if (found === undefined) return next(specifier, context);
  return { url: pathToFileURL(found).href + query, shortCircuit: true };
}

export function load<Result>(url: string, context: Context, next: Next<Result>): Result | object {
  if (!url.startsWith('file:') || !isTypeScript(url)) return next(url, context);
  const path = fileURLToPath(url);
  const compiled = compile(path);
  const isImportOfCommonJs =
    compiled.format === 'commonjs' && context.conditions?.includes('require') !== true;
  return {
    ...(isImportOfCommonJs ? facade(path, compiled.source) : compiled),
    shortCircuit: true,
  };
}

/**
 * An ES module that exports what a CommonJS file exports. Node's own `require` loads the file: the
 * one that Node gives to code of a hook finds no TypeScript (22) and no ES module (20).
 */
function facade(path: string, source: string): { format: 'module'; source: string } {
  const names = new Set<string>();
  for (const [, name] of source.matchAll(/\bexports\.([A-Za-z_$][\w$]*) = /g)) names.add(name!);
  // Also the list that esbuild writes for Node, of what was `export` in the source.
  for (const [, properties = ''] of source.matchAll(/\bmodule\.exports = \{([^{}]*)\}/g)) {
    for (const [, name] of properties.matchAll(/(?:^|,)\s*([A-Za-z_$][\w$]*)/g)) names.add(name!);
  }
  names.delete('default');
  const lines = [
    'import { createRequire } from "node:module";',
    `const exported = createRequire(import.meta.url)(${JSON.stringify(path)});`,
    'export default exported;',
    ...Array.from(
      names,
      (name, i) => `const _${i} = exported?.${name}; export { _${i} as ${name} };`,
    ),
  ];
  return { format: 'module', source: lines.join('\n') };
}

/** The full path that a relative specifier says; undefined for a package's name. */
function pathOf(specifier: string, parentURL: string, isImport: boolean): string | undefined {
  if (!/^(?:\.{1,2}(?:\/|$)|\/|file:)/.test(specifier)) return undefined;
  return isImport
    ? fileURLToPath(new URL(specifier, parentURL))
    : resolvePath(dirname(fileURLToPath(parentURL)), specifier);
}
