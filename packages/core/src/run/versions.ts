/** This package's version; a test holds it to the manifest. */
export const stepComputeVersion = '0.1.0';

/** The version of the random stream that this package draws; a change of any bit changes it. See docs/random-stream.md. */
export const randomStreamVersion = 'philox4x32-10/2';

/** The versions that a run was begun with. */
export interface Versions {
  readonly stepcompute: string;
  readonly randomStream: string;
  /** Such as `node 24.21.0`; null where the platform does not say. */
  readonly runtime: string | null;
}

/** For people. */
export function describeVersions(versions: Versions | undefined): string {
  if (versions === undefined) return 'not recorded';
  const { stepcompute, randomStream, runtime } = versions;
  const known = [`StepCompute ${stepcompute}`, randomStream, runtime];
  return known.filter((each) => each !== null).join(', ');
}

export function currentVersions(): Versions {
  const { process } = globalThis as {
    process?: { readonly versions?: { readonly node?: string | undefined } | undefined };
  };
  const node = process?.versions?.node;
  return {
    stepcompute: stepComputeVersion,
    randomStream: randomStreamVersion,
    runtime: node === undefined ? null : `node ${node}`,
  };
}
