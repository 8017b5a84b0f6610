import module from 'node:module';
import { dirname, resolve as resolvePath } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isTypeScript } from './files.js';
import * as hooks from './hooks.js';
import { compile, meantBy } from './typescript.js';

let areRegistered = false;

/** Has Node load TypeScript in this thread, from now on. */
export function registerHooks(): void {
  if (areRegistered) return;
  areRegistered = true;
  process.setSourceMapsEnabled(true);
  const { registerHooks: register } = module as { registerHooks?: (hooks: object) => void };
  if (register !== undefined) {
    register({ resolve: hooks.resolve, load: hooks.load });
    return;
  }
  module.register('./hooks.js', pathToFileURL(__filename));
  patchRequire();
}

interface CommonJsModule {
  _compile(source: string, path: string, format?: string): void;
}

interface CommonJsLoader {
  readonly _extensions: Record<string, (module: CommonJsModule, path: string) => void>;
  _resolveFilename(
    request: string,
    parent: { filename?: string | null } | undefined,
    ...rest: unknown[]
  ): string;
}

/** `require` of and from TypeScript files, where no hook sees it: before Node 22.15. */
function patchRequire(): void {
  const loader = module as unknown as CommonJsLoader;
  for (const extension of ['.ts', '.mts', '.cts']) {
    loader._extensions[extension] = (loaded, path) => {
      const { format, source } = compile(path);
      loaded._compile(source, path, format);
    };
  }
  const resolveFilename = loader._resolveFilename.bind(loader);
  loader._resolveFilename = (request, parent, ...rest) => {
    const importer = parent?.filename ?? '';
    const found =
      isTypeScript(importer) && /^(\.{1,2}([\\/]|$)|[\\/])/.test(request)
        ? meantBy(resolvePath(dirname(importer), request))
        : undefined;
    return found ?? resolveFilename(request, parent, ...rest);
  };
}
