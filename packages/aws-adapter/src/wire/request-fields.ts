import type { RunChange, RunRequest } from '@stepcompute/core';

/**
 * How each field of a request gets to step 1: in the execution's input; by the deployment, so that a
 * request has no say in it; or as the execution itself.
 */
export const requestFields = {
  repetitions: 'input',
  seed: 'input',
  delayMs: 'deployment',
  parameters: 'input',
  generatorName: 'deployment',
  tolerance: 'input',
  idempotencyKey: 'execution',
  label: 'input',
  precision: 'input',
  experiment: 'input',
  experimentKey: 'input',
  scenario: 'input',
} as const satisfies Record<keyof RunRequest, 'input' | 'deployment' | 'execution'>;

/** The same for the fields that may be changed of a run. */
export const changeFields = {
  repetitions: 'input',
  delayMs: 'deployment',
  tolerance: 'input',
  acceptChangedSimulation: 'input',
} as const satisfies {
  [Field in keyof Required<RunChange>]: Field extends keyof typeof requestFields
    ? (typeof requestFields)[Field]
    : 'input';
};

/** The fields of a table that come this way. */
export type FieldsBy<Table, Way> = {
  [Field in keyof Table]: Table[Field] extends Way ? Field : never;
}[keyof Table];

/** The part of a request that is an execution's input. */
export type RequestInput = Pick<RunRequest, FieldsBy<typeof requestFields, 'input'>>;

/** The part of a run's change that is an execution's input, beside the run's id. */
export type ChangeInput = Pick<RunChange, FieldsBy<typeof changeFields, 'input'>>;

/** The deployment's own fields: undefined where they are not known. */
export type Deployed = {
  readonly [Field in FieldsBy<typeof requestFields, 'deployment'>]: RunRequest[Field];
};

/** The fields that step 1 has to find elsewhere than in its input. */
export type BesideInput = {
  readonly [Field in Exclude<keyof RunRequest, keyof RequestInput>]: RunRequest[Field];
};

function fieldsBy<Table extends object, const Way>(
  table: Table,
  way: Way,
): readonly FieldsBy<Table, Way>[] {
  return Object.entries(table)
    .filter(([, each]) => each === way)
    .map(([field]) => field) as never;
}

export const requestInputFields: readonly (keyof RequestInput)[] = fieldsBy(requestFields, 'input');
export const changeInputFields: readonly (keyof ChangeInput)[] = fieldsBy(changeFields, 'input');
/** The fields that a request has no say in. */
export const deployedFields: readonly (keyof Deployed)[] = fieldsBy(requestFields, 'deployment');

/** The execution's input for a new run. */
export function requestInputOf<Request extends RequestInput>(
  request: Request,
): Pick<Request, keyof RequestInput> {
  return pick(request, requestInputFields);
}

/** The execution's input for a run that is resumed, beside its id. */
export function changeInputOf<Change extends ChangeInput>(
  change: Change,
): Pick<Change, keyof ChangeInput> {
  return pick(change, changeInputFields);
}

/** These fields of an object, but for those that are undefined. */
function pick<T extends object, Field extends keyof T>(
  from: T,
  fields: readonly Field[],
): Pick<T, Field> {
  return Object.fromEntries(
    fields.filter((field) => from[field] !== undefined).map((field) => [field, from[field]]),
  ) as Pick<T, Field>;
}

/** The whole request again, as step 1 is asked it. */
export function requestOf(input: RequestInput, beside: BesideInput): RunRequest {
  return { ...input, ...beside };
}
