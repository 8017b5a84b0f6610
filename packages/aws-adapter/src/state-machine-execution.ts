import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  ListMapRunsCommand,
  StopExecutionCommand,
  type DescribeExecutionCommandOutput,
  type HistoryEvent,
  type SFNClient,
} from '@aws-sdk/client-sfn';
import { messageOf, nameOf, RunId, StepFailedError } from '@stepcompute/core';

/** Where and why an execution failed. */
export interface ExecutionFailure {
  /** The state's name. */
  readonly state: string;
  /** The error's name, as the function threw it or as AWS calls it. */
  readonly error: string;
  readonly message: string;
}

/** The most events that one answer about the history holds. */
const historyPage = 1000;

/** One execution of the state machine, as Step Functions tells of it. */
export class StateMachineExecution {
  #runId: RunId | undefined;

  constructor(
    private readonly client: SFNClient,
    readonly arn: string,
  ) {}

  get name(): string {
    return this.arn.slice(this.arn.lastIndexOf(':') + 1);
  }

  describe(): Promise<DescribeExecutionCommandOutput> {
    return this.#describe(this.arn);
  }

  /** The run that its first step has allocated; undefined while that is not done. */
  async runId(): Promise<RunId | undefined> {
    this.#runId ??= (await this.#history(this.arn, false)).map(allocatedRun).find(Boolean);
    return this.#runId;
  }

  /** Ends it from outside, wherever it is; one that has ended is left as it is. */
  async stop(cause: string): Promise<void> {
    const command = new StopExecutionCommand({ executionArn: this.arn, error: 'Cancelled', cause });
    await ask('StopExecution', () => this.client.send(command));
  }

  /** Its failure, which is that of the first child to fail where a Map gathers them. */
  async failure(): Promise<ExecutionFailure> {
    const child = await this.#failedChild();
    const { error, cause, status } = await this.#describe(child ?? this.arn);
    const events = await this.#history(child ?? this.arn, true);
    return {
      state: failedState(events) ?? 'the state machine',
      error: error ?? status ?? 'an unnamed error',
      message: messageIn(cause),
    };
  }

  async #failedChild(): Promise<string | undefined> {
    const listRuns = new ListMapRunsCommand({ executionArn: this.arn });
    const { mapRuns = [] } = await ask('ListMapRuns', () => this.client.send(listRuns));
    for (const { mapRunArn } of mapRuns) {
      const list = new ListExecutionsCommand({ mapRunArn, statusFilter: 'FAILED', maxResults: 1 });
      const { executions } = await ask('ListExecutions', () => this.client.send(list));
      const [child] = executions ?? [];
      if (child?.executionArn !== undefined) return child.executionArn;
    }
    return undefined;
  }

  #describe(executionArn: string): Promise<DescribeExecutionCommandOutput> {
    const command = new DescribeExecutionCommand({ executionArn });
    return ask('DescribeExecution', () => this.client.send(command));
  }

  /** The first or the last of its events: either end is reached within one page. */
  async #history(executionArn: string, reverseOrder: boolean): Promise<HistoryEvent[]> {
    const command = new GetExecutionHistoryCommand({
      executionArn,
      reverseOrder,
      maxResults: historyPage,
      includeExecutionData: true,
    });
    return (await ask('GetExecutionHistory', () => this.client.send(command))).events ?? [];
  }
}

/** @throws StepFailedError named after the operation when Step Functions refuses */
export async function ask<T>(operation: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    const name = nameOf(cause);
    throw new StepFailedError(`Step Functions’ ${operation}`, name, messageOf(cause), { cause });
  }
}

/** The run id in the output of a first step that has ended. */
function allocatedRun({ type, stateExitedEventDetails: exited }: HistoryEvent): RunId | undefined {
  if (type !== 'TaskStateExited' || exited?.output === undefined) return undefined;
  const { runId } = JSON.parse(exited.output) as { runId?: unknown };
  return typeof runId === 'number' ? RunId.parse(runId) : undefined;
}

/** Goes back from the end, from each event to the one that led to it, until a state is entered. */
function failedState(newestFirst: readonly HistoryEvent[]): string | undefined {
  const byId = new Map(newestFirst.map((event) => [event.id, event]));
  let event = newestFirst.find(({ type }) => type?.endsWith('Failed') ?? false) ?? newestFirst[0];
  while (event !== undefined && event.stateEnteredEventDetails === undefined) {
    event = byId.get(event.previousEventId);
  }
  return event?.stateEnteredEventDetails?.name;
}

/** A function's error is a JSON object in the cause; a service's is plain text. */
function messageIn(cause: string | undefined): string {
  try {
    const { errorMessage } = JSON.parse(cause ?? '') as { errorMessage?: unknown };
    if (typeof errorMessage === 'string') return errorMessage;
  } catch {
    // plain text
  }
  return cause ?? 'no cause was given';
}
