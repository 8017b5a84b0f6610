import { spawnSync } from 'node:child_process';
import type { GivenAddress } from '@stepcompute/aws-adapter/wire';
import { createHash } from 'node:crypto';
import { dirname, join, resolve } from 'node:path';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { kindOf, type BundleRequest } from './bundle-request.js';

/** The simulation to deploy. */
export interface SimulationSource {
  /**
   * A module whose default export is the generator, or an object with a function `generate`:
   * `.ts`, `.mts`, `.cts`, `.js`, `.mjs` or `.cjs`.
   */
  readonly entry: string;
  /**
   * Files and folders to deploy with it, relative to the entry's folder. They lie as they do here, seen
   * from the module's `import.meta.url` or `__dirname`.
   * @default those that the module names, as in `new URL('./data.csv', import.meta.url)`
   */
  readonly files?: readonly string[] | undefined;
  /**
   * Packages that are left out of the bundle, since a layer brings them in `nodejs/node_modules`.
   * @default none
   */
  readonly external?: readonly string[] | undefined;
}

interface FunctionCode {
  readonly code: Code;
  /** Why it could not be bundled, which CDK’s own error has in the middle of much else. */
  readonly refusal: () => Error | undefined;
}

// esbuild takes plugins in its asynchronous API alone, and constructs are synchronous.
const program = join(__dirname, '../dist/bundle-function.js');

interface Contents {
  /** The databases that the function opens. */
  readonly addresses: readonly GivenAddress[];
  /** As Lambda names it. */
  readonly architecture: string;
  /** Takes the place of the built-in one. */
  readonly simulation: SimulationSource | undefined;
}

/**
 * A handler as an ES module, `index.mjs`, with all that it imports.
 * @param handler the handler's module
 */
export function functionCode(
  handler: string,
  { addresses, architecture, simulation }: Contents,
): FunctionCode {
  const asked: BundleRequest = {
    handler,
    databases: [...new Set(addresses.map(kindOf))],
    architecture,
    simulation: simulation && { ...simulation, entry: resolve(simulation.entry) },
  };
  const request = JSON.stringify(asked);
  let refusal: Error | undefined;
  const code = Code.fromAsset(dirname(handler), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // CDK asks for an image, and tells bundles apart by the command; neither is used.
      image: DockerImage.fromRegistry('none'),
      command: [createHash('sha256').update(request).digest('hex')],
      local: {
        tryBundle: (folder) => {
          refusal = bundle([folder, request]);
          if (refusal !== undefined) throw refusal;
          return true;
        },
      },
    },
  });
  return { code, refusal: () => refusal };
}

/** Two functions have the same simulation in them. */
const told = new Set<string>();

/** @returns an error with the program's own words where it has refused */
function bundle(parameters: readonly string[]): Error | undefined {
  const { status, stderr, error } = spawnSync(process.execPath, [program, ...parameters], {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  if (status !== 0) return new Error(error?.message ?? stderr.trim());
  if (stderr !== '' && !told.has(stderr)) process.stderr.write(stderr);
  told.add(stderr);
  return undefined;
}
