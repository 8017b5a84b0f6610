import { looked } from '../errors/base.js';
import { InvalidInputError } from '../errors/invalid-input-error.js';
import { refuseUnknown, type FieldNames } from '../errors/unknown-fields.js';
import { parseInteger, RunId } from './numbers.js';
import { RunParameters, type JsonObject } from './parameters.js';
import { requestFields } from './request.js';
import { runStatuses, type Run, type RunStatus } from './run.js';

/** The runs to be listed: those that are all that is said here. */
export interface RunFilter {
  readonly status?: RunStatus | undefined;
  /** The simulation's name, as the record has it. */
  readonly generatorName?: string | undefined;
  readonly label?: string | undefined;
  /** The name of the experiment that the run is a scenario of. */
  readonly experiment?: string | undefined;
  /** The run has these among its parameters, each with the same JSON. */
  readonly parameters?: object | undefined;
  /** The run was started then or later. */
  readonly since?: Date | undefined;
  /** The run is older than the one with this id: the last of a page, to get the next one. */
  readonly before?: RunId | undefined;
  /** At most so many; none when it is 0. Default: all. */
  readonly limit?: number | undefined;
}

const filterFields: FieldNames<RunFilter> = {
  status: true,
  generatorName: true,
  label: true,
  experiment: true,
  parameters: true,
  since: true,
  before: true,
  limit: true,
};

/** A {@link RunFilter} that was validated. */
export interface ParsedRunFilter extends Omit<RunFilter, 'parameters' | 'limit'> {
  /** Each as the canonical text of a run's parameters has it: `"strike":110`. */
  readonly parameters: readonly string[];
  /** Infinity when there is none. */
  readonly limit: number;
}

/** @throws InvalidInputError naming the first field that is wrong, or that there is no such field */
export function parseRunFilter(filter: RunFilter = {}): ParsedRunFilter {
  refuseUnknown(filter, 'filter', filterFields);
  const { status, generatorName, label, experiment, parameters = {} } = filter;
  const { since, before, limit } = filter;
  if (status !== undefined && !runStatuses.includes(status)) {
    throw new InvalidInputError('status', `one of ${runStatuses.join(', ')}`, status);
  }
  if (generatorName !== undefined) requestFields.generatorName.parse(generatorName);
  requestFields.label.parse(label);
  requestFields.experiment.parse(experiment);
  // Also one of another realm, as a test runner has it.
  const time = looked(() => (since === undefined ? 0 : Date.prototype.getTime.call(since)), NaN);
  if (Number.isNaN(time)) throw new InvalidInputError('since', 'a valid Date', since);
  return {
    status,
    generatorName,
    label,
    experiment,
    parameters: textsOf(RunParameters.parse(parameters)),
    since,
    before: before === undefined ? undefined : RunId.parse(before),
    limit:
      limit === undefined ? Infinity : parseInteger(limit, 'limit', 0, Number.MAX_SAFE_INTEGER),
  };
}

/** True of a run that is all that the filter says but for its limit. */
export function isListed(run: Run, filter: ParsedRunFilter): boolean {
  const { status = run.status, generatorName = run.generatorName, label = run.label } = filter;
  const { experiment = run.experiment, since = run.startedAt } = filter;
  const { before = Infinity, parameters } = filter;
  const has = (): boolean => {
    const own = textsOf(run.parameters);
    return parameters.every((text) => own.includes(text));
  };
  return (
    run.status === status &&
    run.generatorName === generatorName &&
    run.label === label &&
    run.experiment === experiment &&
    run.startedAt >= since &&
    run.id < before &&
    (parameters.length === 0 || has())
  );
}

/** Each parameter with its name, as the canonical text of all of them has it. */
function textsOf(parameters: JsonObject): string[] {
  return Object.entries(parameters).map(([name, value]) =>
    RunParameters.text({ [name]: value }).slice(1, -1),
  );
}
