import { execFileSync } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';

// esbuild takes plugins in its asynchronous API alone, and constructs are synchronous.
const program = join(__dirname, '../dist/bundle-function.js');

/**
 * A handler as one file, `index.js`, with all that it imports.
 * @param entry the handler's module
 * @param simulation the file that takes the place of the built-in simulation
 */
export function functionCode(entry: string, simulation?: string): Code {
  const sources = [entry, ...(simulation === undefined ? [] : [resolve(simulation)])];
  return Code.fromAsset(dirname(entry), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // CDK asks for an image, and tells bundles apart by the command; neither is used.
      image: DockerImage.fromRegistry('none'),
      command: sources,
      local: {
        tryBundle: (folder) => {
          execFileSync(process.execPath, [program, join(folder, 'index.js'), ...sources], {
            stdio: ['ignore', 'ignore', 'inherit'],
          });
          return true;
        },
      },
    },
  });
}
