/** A folder whose database can't be used; the message says why, and by whom it is used. */
export class DatabaseFolderError extends Error {
  override readonly name = 'DatabaseFolderError';
  /** Another process has it: the same may succeed later. */
  readonly isInUse: boolean;

  constructor(
    message: string,
    { isInUse, cause }: { readonly isInUse: boolean; readonly cause?: unknown },
  ) {
    super(message, { cause });
    this.isInUse = isInUse;
  }
}
