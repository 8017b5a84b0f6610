import type { FaultProps } from './faults.js';

export interface RehearsalProps {
  /** The folder of a cloud assembly, with its `manifest.json`. */
  readonly assembly: string;
  /**
   * The database behind the Data API and the deployment's hosts: `memory`, a folder, or a PostgreSQL
   * URL. The folder is PGlite's own; of several databases, each has one within it.
   * @default memory
   */
  readonly database?: string | undefined;
  /**
   * Hosts of PostgreSQL servers that functions connect to, each a database of its own. Those of RDS, in
   * the templates or told to functions by variables, are known without.
   * @default none
   */
  readonly databaseHosts?: readonly string[] | undefined;
  /** How much faster states wait and retry than on AWS. Default: 1, no faster. */
  readonly timeScale?: number | undefined;
  /**
   * Environment variables in which functions are told how long to wait, in milliseconds, which the
   * time scale divides too; one that is no number is refused. What that takes off is put back in the
   * costs.
   * @default none
   */
  readonly scaledVariables?: readonly string[] | undefined;
  readonly faults?: FaultProps | undefined;
  /** The most processes of each function. Default: 4. */
  readonly mostInstances?: number | undefined;
  /** Default: 127.0.0.1, so that nobody else can call. */
  readonly host?: string | undefined;
  /** Default: any that is free. */
  readonly port?: number | undefined;
  /** Gets what the functions write to their logs, line by line. */
  readonly onLog?: ((functionName: string, line: string) => void) | undefined;
}

/** The names of an object's fields, kept complete by the compiler. */
type FieldNames<T> = Readonly<Record<keyof T, true>>;

const fields: FieldNames<RehearsalProps> = {
  assembly: true,
  database: true,
  databaseHosts: true,
  timeScale: true,
  scaledVariables: true,
  faults: true,
  mostInstances: true,
  host: true,
  port: true,
  onLog: true,
};

const faultFields: FieldNames<FaultProps> = {
  rate: true,
  throttles: true,
  crashes: true,
  seed: true,
};

/** @throws RangeError when a property has a name that nothing reads */
export function refuseUnknown(props: RehearsalProps): void {
  refuseOthers(props, fields, 'a rehearsal');
  refuseOthers(props.faults ?? {}, faultFields, 'faults');
}

function refuseOthers(value: object, known: object, whose: string): void {
  const other = Object.entries(value).find(
    ([name, content]) => content !== undefined && !Object.hasOwn(known, name),
  );
  if (other === undefined) return;
  const names = Object.keys(known).join(', ');
  throw new RangeError(`the properties of ${whose} must be of ${names}; got ${other[0]}`);
}
