import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, renameSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A folder that `make` fills once for all test files: to be copied, not to be changed.
 * @param identity all that the content depends on
 */
export function sharedFolder(identity: readonly unknown[], make: (folder: string) => void): string {
  const { STEPCOMPUTE_TEST_FOLDER: shared = '' } = process.env;
  const name = createHash('sha256').update(JSON.stringify(identity)).digest('hex');
  const folder = join(shared, name);
  if (!existsSync(folder)) {
    const draft = mkdtempSync(join(shared, 'draft-'));
    make(draft);
    try {
      renameSync(draft, folder);
    } catch (error) {
      // Another test file may have been quicker.
      if (!existsSync(folder)) throw error;
    }
  }
  return folder;
}
