/** A Lambda function as its template describes it. */
export interface FunctionDefinition {
  readonly logicalId: string;
  /** Its logical id, unless the template names it. */
  readonly name: string;
  readonly arn: string;
  /** The folder of its bundle. */
  readonly code: string;
  /** The folders of its layers, of which each is `/opt` on AWS. */
  readonly layers: readonly string[];
  /** Beside `$LATEST`, its versions and aliases. */
  readonly qualifiers: readonly string[];
  /** As in the template: file and export, `index.handler`. */
  readonly handler: string;
  readonly timeoutMs: number;
  readonly memoryMegabytes: number;
  readonly environment: Readonly<Record<string, string>>;
}

export interface StateMachineResource {
  readonly logicalId: string;
  /** Its logical id, unless the template names it. */
  readonly name: string;
  readonly arn: string;
  readonly roleArn: string;
  readonly definition: unknown;
}

/** A cluster of the template, or one that is there already and that its functions are told the ARN of. */
export interface ClusterDefinition {
  /** Its identifier, where it is in no template. */
  readonly logicalId: string;
  readonly arn: string;
  readonly secretArn: string;
  readonly database: string | undefined;
  /** False for one whose Data API is off. */
  readonly hasDataApi: boolean;
}

/** A host at which functions find a database by PostgreSQL's protocol. */
export interface DatabaseHost {
  readonly host: string;
  /** The logical id of the cluster or instance behind it, or else the host's name. */
  readonly database: string;
}

/** A secret's ARN and its text. */
export interface Secret {
  readonly arn: string;
  readonly text: string;
}

/** A stack, and what it tells of itself. */
export interface StackDescription {
  readonly name: string;
  /** Its ARN. */
  readonly id: string;
  readonly outputs: Readonly<Record<string, string>>;
}

/** The rehearsed part of a cloud assembly. */
export interface CloudAssembly {
  /** The account and the region of its first stack; those of a stack for anywhere are made up. */
  readonly account: string;
  readonly region: string;
  readonly stacks: readonly StackDescription[];
  readonly functions: readonly FunctionDefinition[];
  readonly stateMachines: readonly StateMachineResource[];
  readonly clusters: readonly ClusterDefinition[];
  /** Those of the templates, and of RDS that functions are told of. */
  readonly databaseHosts: readonly DatabaseHost[];
  readonly secrets: readonly Secret[];
  /** Made up: of whoever comes to a database. */
  readonly password: string;
  /** The functions that a deployment calls, by ARN, each after those that it depends on. */
  readonly triggered: readonly string[];
}
