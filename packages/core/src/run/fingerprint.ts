import { InvalidInputError } from '../errors/invalid-input-error.js';
import { refuseUnknown, type FieldNames } from '../errors/unknown-fields.js';
import { textOf } from './text.js';

/**
 * The marks that tell a simulation's code from other code, and where it came from. Two are of the same
 * simulation when their `version` or their `bundle` is equal; where they were bundled by different bundlers,
 * whose output may differ for the same code, when their `files` are.
 */
export interface Fingerprint {
  /** As the program that holds the simulation calls it, 1 … 256 characters: a release, a commit. */
  readonly version?: string | undefined;
  /** The digest of the code as it is bundled: comments and layout are not in it. */
  readonly bundle?: string | undefined;
  /** The digest of the files that the code is made of, and of where each is. */
  readonly files?: string | undefined;
  /** Name and version of what made the bundle: the bundles of others are not compared with it. */
  readonly bundler?: string | undefined;
  /** The git commit that the file was at. For information, like what follows. */
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
    const [version, bundle, files] = digests.map((kind) =>
      a[kind] === undefined || b[kind] === undefined ? undefined : a[kind] === b[kind],
    );
    if (version === true || bundle === true) return true;
    // The files say less: not how they are put together.
    return (a.bundler === b.bundler ? bundle : undefined) ?? files ?? version;
  },
  /** For people: the digests, shortened. */
  describe: (fingerprint: Fingerprint): string => {
    const parts = digests.flatMap((kind) => {
      const digest = fingerprint[kind];
      return digest === undefined ? [] : [`${kind} ${digest.slice(0, 12)}`];
    });
    return parts.length === 0 ? 'no fingerprint' : parts.join(', ');
  },
  /** For people: the digests, and where the code came from. */
  describeOrigin: (fingerprint: Fingerprint): string => {
    const { bundler, commit, isDirty, file } = fingerprint;
    const origin = [
      bundler,
      commit && `commit ${commit.slice(0, 12)}${isDirty === true ? ' with changes' : ''}`,
      file,
    ];
    return [Fingerprint.describe(fingerprint), ...origin.filter(Boolean)].join(', ');
  },
} as const;
