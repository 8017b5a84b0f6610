import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  StopExecutionCommand,
  type DescribeExecutionCommandOutput,
  type HistoryEvent,
  type SFNClient,
} from '@aws-sdk/client-sfn';
import { messageOf, nameOf, RunId, StepFailedError } from '@stepcompute/core';
import { messageOfCause } from './wire/index.js';

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
    const command = new DescribeExecutionCommand({ executionArn: this.arn });
    return ask('DescribeExecution', () => this.client.send(command));
  }

  /** The run that its first step has allocated; undefined while that is not done. */
  async runId(): Promise<RunId | undefined> {
    this.#runId ??= (await this.#history(false)).map(allocatedRun).find(Boolean);
    return this.#runId;
  }

  /** Ends it from outside, wherever it is; one that has ended is left as it is. */
  async stop(cause: string): Promise<void> {
    const command = new StopExecutionCommand({ executionArn: this.arn, error: 'Cancelled', cause });
    await ask('StopExecution', () => this.client.send(command));
  }

  /** Where and why it has failed. */
  async failure(): Promise<ExecutionFailure> {
    const { error, cause, status } = await this.describe();
    const events = await this.#history(true);
    return {
      state: failedState(events) ?? 'the state machine',
      error: error ?? status ?? 'an unnamed error',
      message: messageOfCause(cause),
    };
  }

  /** The first or the last of its events: either end is reached within one page. */
  async #history(reverseOrder: boolean): Promise<HistoryEvent[]> {
    const command = new GetExecutionHistoryCommand({
      executionArn: this.arn,
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
