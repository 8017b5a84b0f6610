import { dataApiRequestsOf, dollarsOf, type Costs } from './costs.js';
import type { DataApiCall } from './rds-data/rds-data-service.js';
import type { Execution } from './step-functions/execution.js';

/** Counts what is billed, but for what the executions' histories tell. */
export class Meter {
  #lambdaRequests = 0;
  #gigabyteSeconds = 0;
  #dataApiCalls = 0;
  #dataApiRequests = 0;
  #dataApiErrors = 0;

  /** Begins anew. */
  reset(): void {
    this.#lambdaRequests = 0;
    this.#gigabyteSeconds = 0;
    this.#dataApiCalls = 0;
    this.#dataApiRequests = 0;
    this.#dataApiErrors = 0;
  }

  /** @param durationMs loading included; billed by the millisecond begun */
  countInvocation(durationMs: number, memoryMegabytes: number): void {
    this.#lambdaRequests += 1;
    this.#gigabyteSeconds += (Math.ceil(durationMs) / 1000) * (memoryMegabytes / 1024);
  }

  countDataApiCall({ bytes, error }: DataApiCall): void {
    this.#dataApiCalls += 1;
    this.#dataApiRequests += dataApiRequestsOf(bytes);
    if (error !== undefined) this.#dataApiErrors += 1;
  }

  costs(executions: readonly Execution[], faults: ReadonlyMap<string, number>): Costs {
    const children = executions.filter(({ mapRun }) => mapRun !== undefined).length;
    const most = (values: readonly number[]): number =>
      values.reduce((largest, value) => Math.max(largest, value), 0);
    const billed = {
      stateTransitions:
        executions.reduce((sum, { history }) => sum + history.transitions, 0) + children,
      lambdaRequests: this.#lambdaRequests,
      lambdaGigabyteSeconds: this.#gigabyteSeconds,
      dataApiRequests: this.#dataApiRequests,
    };
    return {
      ...billed,
      dataApiCalls: this.#dataApiCalls,
      executions: executions.length - children,
      childExecutions: children,
      dataApiErrors: this.#dataApiErrors,
      largestPayloadBytes: most(executions.map(({ history }) => history.largestPayload)),
      longestHistory: most(executions.map(({ history }) => history.events.length)),
      faults: Object.fromEntries(faults),
      dollars: dollarsOf(billed),
    };
  }
}
