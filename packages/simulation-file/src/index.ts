export { commitOf, type CodeCommit } from './commit.js';
export {
  fingerprintOf,
  openSimulationFile,
  type CodeFingerprint,
  type OpenedSimulationFile,
} from './open-simulation-file.js';
