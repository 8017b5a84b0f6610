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

/** What a property must be, and whether a value is so. */
type Kind = readonly [expected: string, accepts: (value: unknown) => boolean];

/** One for each property, kept complete by the compiler. */
type Kinds<T> = Readonly<Record<keyof T, Kind>>;

const isText = (value: unknown): value is string => typeof value === 'string';
const texts: Kind = ['a list of texts', (value) => Array.isArray(value) && value.every(isText)];
const number: Kind = ['a number', (value) => typeof value === 'number'];

function integer(least: number, most: number): Kind {
  const range = most === Infinity ? `of ${least} or more` : `from ${least} to ${most}`;
  return [
    `an integer ${range}`,
    (value) => Number.isInteger(value) && Number(value) >= least && Number(value) <= most,
  ];
}

const kinds: Kinds<RehearsalProps> = {
  assembly: ['the folder that cdk synth has written to', isText],
  database: [
    'memory, a folder, or a URL of postgres://',
    (value) => isText(value) && (!value.includes('://') || /^postgres(?:ql)?:/.test(value)),
  ],
  databaseHosts: texts,
  timeScale: number,
  scaledVariables: texts,
  faults: ['an object', (value) => typeof value === 'object' && !Array.isArray(value)],
  mostInstances: integer(1, Infinity),
  host: ['a text', isText],
  port: integer(0, 65_535),
  onLog: ['a function', (value) => typeof value === 'function'],
};

const faultKinds: Kinds<FaultProps> = {
  rate: number,
  throttles: number,
  crashes: number,
  seed: number,
};

/** @throws RangeError in one line when a property has a name that nothing reads, or is of another kind */
export function refuseWrong(props: Partial<RehearsalProps>): void {
  refuseOthers(props, kinds, 'a rehearsal');
  // It is the one that has no default.
  if (props.assembly === undefined) throw refusal('assembly', kinds.assembly, 'nothing');
  refuseOthers(props.faults ?? {}, faultKinds, 'faults');
}

function refuseOthers(value: unknown, known: Readonly<Record<string, Kind>>, whose: string): void {
  if (typeof value !== 'object' || value === null) {
    throw new RangeError(`the properties of ${whose} must be an object; got ${String(value)}`);
  }
  for (const [name, content] of Object.entries(value) as [string, unknown][]) {
    if (content === undefined) continue;
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (kind === undefined) {
      const names = Object.keys(known).join(', ');
      throw new RangeError(`the properties of ${whose} must be of ${names}; got ${name}`);
    }
    if (!kind[1](content)) throw refusal(name, kind, content);
  }
}

function refusal(name: string, [expected]: Kind, value: unknown): RangeError {
  // After a scheme there may be a password.
  const shown = isText(value) ? value.replace(/:\/\/.*/s, '://…') : JSON.stringify(value);
  return new RangeError(`${name} must be ${expected}; got ${shown}`);
}
