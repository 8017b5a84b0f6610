import { InvalidInputError, RunParameters, type JsonObject } from '@stepcompute/core';
import { requestFields, type ParsedSimulation } from '@stepcompute/core/adapters';
import { namesAlone, readTexts } from '../given-parameters.js';
import type { Parameter } from '../options.js';

/** A name with parameters, which becomes a run. */
export interface Scenario {
  readonly name: string;
  readonly parameters: JsonObject;
}

/** A scenario as a design has it: a row of a file, or a point of a grid. */
export interface DesignRow {
  readonly name: string;
  /** Where it is written, for errors: `design.csv, line 3`. */
  readonly place: string;
  /** Parameters as texts, of which the simulation tells what they stand for. */
  readonly texts?: readonly Parameter[];
  /** Parameters with types of their own, as JSON and YAML have them. */
  readonly values?: Readonly<Record<string, unknown>>;
}

/** The scenarios of an experiment before its simulation is known: 1 to 1,000, of different names. */
export type Design = readonly DesignRow[];

const mostScenarios = 1000;

/** @throws InvalidInputError unless the count is one of a design */
export function refuseCount(place: string, count: number): void {
  if (count >= 1 && count <= mostScenarios) return;
  throw new InvalidInputError(place, `of 1 to ${mostScenarios} scenarios`, count);
}

/** True while a design may have another scenario after so many. */
export function isWithinLimit(count: number): boolean {
  return count < mostScenarios;
}

/** @throws InvalidInputError unless it is the name of a scenario */
export function parseScenarioName(value: unknown, place: string): string {
  try {
    // A name that is left out is none.
    return requestFields.scenario.parse(value ?? '') ?? '';
  } catch (cause) {
    if (!(cause instanceof InvalidInputError)) throw cause;
    const field = `${place}: the scenario’s name`;
    throw new InvalidInputError(field, cause.expected, value, { cause });
  }
}

/** @throws InvalidInputError when two scenarios have the same name */
export function refuseRepeatedNames(rows: Design): Design {
  const places = new Map<string, string>();
  for (const { name, place } of rows) {
    const before = places.get(name);
    if (before !== undefined) {
      const expected = `another than that of ${before}`;
      throw new InvalidInputError(`${place}: the scenario’s name`, expected, name);
    }
    places.set(name, place);
  }
  return rows;
}

/**
 * The design's scenarios, with the parameters that they give the simulation: those of a scenario over
 * the common ones. The simulation's defaults are left for the run to fill in.
 * @param common the parameters that all scenarios have, unless they have their own
 * @throws InvalidInputError naming the scenario whose parameters the simulation refuses
 */
export async function scenariosOf(
  design: Design,
  simulation: Pick<ParsedSimulation, 'parameters' | 'parametersOf'>,
  common: Readonly<Record<string, unknown>> = {},
): Promise<readonly Scenario[]> {
  const scenarios: Scenario[] = [];
  for (const { name, place, texts = [], values = {} } of design) {
    try {
      const given = namesAlone(common, values, readTexts(simulation, texts));
      await simulation.parametersOf(given);
      scenarios.push({ name, parameters: RunParameters.parse(given) });
    } catch (cause) {
      if (!(cause instanceof InvalidInputError)) throw cause;
      const field = `${place}, scenario ${JSON.stringify(name)}: ${cause.field}`;
      throw new InvalidInputError(field, cause.expected, cause.received, { cause });
    }
  }
  return scenarios;
}
