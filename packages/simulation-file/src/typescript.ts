/** TypeScript as Node is given it. Needs esbuild. */
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compileFunction } from 'node:vm';
import { transformSync, type TransformOptions } from 'esbuild';

/** The oldest Node that the packages support, whichever runs: the same code everywhere. */
export const target = 'node20.19';

export interface CompiledModule {
  readonly format: 'module' | 'commonjs';
  readonly source: string;
}

const extensions = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json'];
const indexes = extensions.map((extension) => `index${extension}`);

/**
 * The file that a TypeScript file means by a relative import of `path`, where Node would not find
 * it: `x.ts` for `x.js` as `tsc` does, also beside an `x.js`; `x.ts` or `x/index.ts` for `x`.
 */
export function meantBy(path: string): string | undefined {
  const extension = extname(path);
  const candidates = /^\.[cm]?js$/.test(extension)
    ? [path.slice(0, -extension.length) + extension.replace('js', 'ts')]
    : isFile(path)
      ? []
      : [
          ...extensions.map((one) => path.replace(/[\\/]$/, '') + one),
          ...indexes.map((one) => join(path, one)),
        ];
  const found = candidates.find(isFile);
  return found === undefined ? undefined : realpathSync(found);
}

/**
 * A TypeScript file as JavaScript. A `.ts` with `import`, `export`, `import.meta` or a top-level
 * `await` is an ES module, whatever its package.json says; one without is what package.json says.
 * @throws SyntaxError with the place in the source
 */
export function compile(path: string): CompiledModule {
  const text = readFileSync(path, 'utf8');
  const transform = (options: TransformOptions): string => {
    try {
      return transformSync(text, {
        loader: 'ts',
        target,
        platform: 'node',
        tsconfigRaw: {},
        sourcefile: pathToFileURL(path).href,
        sourcemap: 'inline',
        sourcesContent: false,
        logLevel: 'silent',
        ...options,
      }).code;
    } catch (error) {
      throw syntaxError(path, error);
    }
  };
  const asCommonJs = (): CompiledModule => ({
    format: 'commonjs',
    source: transform({ format: 'cjs' }),
  });
  if (path.endsWith('.cts')) return asCommonJs();
  const source = transform({});
  if (path.endsWith('.mts') || packageType(dirname(path)) === 'module') {
    return { format: 'module', source };
  }
  if (isCommonJs(source)) return asCommonJs();
  if (!/\b(require|__dirname|__filename)\b/.test(source)) return { format: 'module', source };
  const withNames = transform({
    // esbuild replaces those that the file doesn't declare itself.
    define: {
      __dirname: JSON.stringify(dirname(path)),
      __filename: JSON.stringify(path),
      require: '__stepcomputeRequire',
    },
    banner:
      'import { createRequire as __stepcomputeCreateRequire } from "node:module"; ' +
      'const __stepcomputeRequire = __stepcomputeCreateRequire(import.meta.url);',
  });
  return { format: 'module', source: withNames };
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/** True for JavaScript without the syntax of ES modules, known to parse as one kind or the other. */
function isCommonJs(source: string): boolean {
  try {
    compileFunction(source.replace(/^#!/, '//'), [
      'exports',
      'require',
      'module',
      '__filename',
      '__dirname',
    ]);
    return true;
  } catch {
    return false;
  }
}

/** `type` of the package.json that counts for a folder's files. */
function packageType(folder: string): unknown {
  for (let place = folder; !/[\\/]node_modules$/.test(place); place = dirname(place)) {
    const path = join(place, 'package.json');
    if (isFile(path)) return (JSON.parse(readFileSync(path, 'utf8')) as { type?: unknown }).type;
    if (place === dirname(place)) break;
  }
  return undefined;
}

function syntaxError(path: string, thrown: unknown): unknown {
  const [first] =
    (thrown as { errors?: { text: string; location?: { line: number } }[] }).errors ?? [];
  if (first?.location === undefined) return thrown;
  const error = new SyntaxError(first.text);
  error.stack = `${pathToFileURL(path).href}:${first.location.line}\n${error.stack ?? ''}`;
  return error;
}
