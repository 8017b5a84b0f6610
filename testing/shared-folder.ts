import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, renameSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Copies a folder that `make` fills once for all test files.
 * @param identity all that the content depends on
 */
export function copyShared(
  identity: readonly unknown[],
  make: (folder: string) => void,
  copy: string,
): void {
  const { STEPCOMPUTE_TEST_FOLDER: shared = '' } = process.env;
  const name = createHash('sha256').update(JSON.stringify(identity)).digest('hex');
  const original = join(shared, name);
  if (!existsSync(original)) {
    const draft = mkdtempSync(join(shared, 'draft-'));
    make(draft);
    try {
      renameSync(draft, original);
    } catch (error) {
      // Another test file may have been quicker.
      if (!existsSync(original)) throw error;
    }
  }
  cpSync(original, copy, { recursive: true });
}
