import { InvalidInputError } from '@stepcompute/core';

/**
 * The packages that only AWS needs do not come with the command.
 * @param asked what needs them
 * @throws InvalidInputError that says what to add
 */
export function refuseMissingPackages(asked: string, packages: readonly string[]): void {
  const missing = packages.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  throw new InvalidInputError(
    asked,
    `run where its packages are installed beside the command: npm install ${missing.join(' ')}`,
    missing.length === packages.length ? 'none of them' : 'some of them',
  );
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}
