import { InvalidInputError } from '../errors/invalid-input-error.js';
import { refuseUnknown, type FieldNames } from '../errors/unknown-fields.js';
import { textOf } from './text.js';

/**
 * The marks that tell a simulation's code from other code, and where it came from. Two are of the same
 * simulation when one of their digests is equal: `version`, `bundle` or `files`.
 */
export interface Fingerprint {
  /** As the program that holds the simulation calls it, 1 … 256 characters: a release, a commit. */
  readonly version?: string | undefined;
  /** The digest of the code as it is bundled: comments and layout are not in it. */
  readonly bundle?: string | undefined;
  /** The digest of the files that the code is made of. */
  readonly files?: string | undefined;
  /** Made the bundle. For information, like what follows. */
  readonly bundler?: string | undefined;
  /** The git commit that the file was at. */
  readonly commit?: string | undefined;
  /** True when there were changes that this commit doesn't have. */
  readonly isDirty?: boolean | undefined;
  /** Where the command found the file. */
  readonly file?: string | undefined;
}

const fields: FieldNames<Fingerprint> = {
  version: true,
  bundle: true,
  files: true,
  bundler: true,
  commit: true,
  isDirty: true,
  file: true,
};

const digests = ['version', 'bundle', 'files'] as const;
const longestText = 4096;

export const Fingerprint = {
  /** Of a function in code without a version: nothing can be compared with it. */
  unknown: Object.freeze({}) as Fingerprint,
  /**
   * @param value a version's name, or a fingerprint
   * @throws InvalidInputError
   */
  parse: (value: unknown): Fingerprint => {
    if (typeof value === 'string') {
      return { version: textOf('simulation version', 256)(value) };
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new InvalidInputError('simulation version', 'a text, or a fingerprint', value);
    }
    const { isDirty, ...texts } = refuseUnknown(value as Fingerprint, 'simulation version', fields);
    if (isDirty !== undefined && typeof isDirty !== 'boolean') {
      throw new InvalidInputError(
        'simulation version',
        'a fingerprint with isDirty true or false',
        isDirty,
      );
    }
    const parse = textOf('simulation version', longestText);
    const parsed = Object.entries(texts).flatMap(([name, text]) =>
      text === undefined ? [] : [[name, parse(text)]],
    );
    return {
      ...Object.fromEntries(parsed),
      ...(isDirty !== undefined && { isDirty }),
    } as Fingerprint;
  },
  /** Undefined when the two have no digest of the same kind. */
  areSame: (a: Fingerprint, b: Fingerprint): boolean | undefined => {
    const common = digests.filter((kind) => a[kind] !== undefined && b[kind] !== undefined);
    if (common.length === 0) return undefined;
    return common.some((kind) => a[kind] === b[kind]);
  },
  /** For people: the digests, shortened. */
  describe: (fingerprint: Fingerprint): string => {
    const parts = digests.flatMap((kind) => {
      const digest = fingerprint[kind];
      return digest === undefined ? [] : [`${kind} ${digest.slice(0, 12)}`];
    });
    return parts.length === 0 ? 'no fingerprint' : parts.join(', ');
  },
} as const;
