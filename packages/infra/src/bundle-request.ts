import type { GivenAddress } from '@stepcompute/aws-adapter/wire';

/** How a database is reached. */
export type DatabaseKind = 'data-api' | 'postgres';

export function kindOf(address: GivenAddress): DatabaseKind {
  return 'host' in address ? 'postgres' : 'data-api';
}

/** A function to be bundled, as the program that bundles is told by an argument in JSON. */
export interface BundleRequest {
  /** The handler's module. */
  readonly handler: string;
  /** Those that the function opens: it has their drivers alone. */
  readonly databases: readonly DatabaseKind[];
  /** As Lambda names it. */
  readonly architecture: string;
  readonly simulation?: SimulationRequest | undefined;
}

export interface SimulationRequest {
  /** Its module. */
  readonly entry: string;
  /** Further files and folders, relative to the entry's folder. */
  readonly files?: readonly string[] | undefined;
  /** Packages that are not in the bundle. */
  readonly external?: readonly string[] | undefined;
}
