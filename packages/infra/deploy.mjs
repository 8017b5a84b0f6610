/**
 * `cdk deploy`, with all that it is given. One option is its own: `--breaking-schema` lets this deployment
 * migrate the database's schema to where the code that was deployed before can't follow.
 */
import { spawnSync } from 'node:child_process';

const given = process.argv
  .slice(2)
  .flatMap((argument) =>
    argument === '--breaking-schema' ? ['--context', 'breakingSchema=true'] : [argument],
  );
const { status, error } = spawnSync('cdk', ['deploy', ...given], { stdio: 'inherit' });
if (error !== undefined) throw error;
process.exitCode = status ?? 1;
