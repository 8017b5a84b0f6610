import { setTimeout } from 'node:timers/promises';
import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  StartExecutionCommand,
  type DescribeExecutionCommandOutput,
  type HistoryEvent,
  type SFNClient,
} from '@aws-sdk/client-sfn';

/** The credentials and the region that any client of a rehearsal may have. */
export const clientConfig = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
  maxAttempts: 1,
};

/** Starts an execution and waits for its end, however it ends. */
export async function execute(
  client: SFNClient,
  stateMachineArn: string,
  input: unknown = {},
): Promise<DescribeExecutionCommandOutput> {
  const { executionArn } = await client.send(
    new StartExecutionCommand({ stateMachineArn, input: JSON.stringify(input) }),
  );
  return end(client, executionArn ?? '');
}

/** Waits for an execution's end, which the API has no event for. */
export async function end(
  client: SFNClient,
  executionArn: string,
): Promise<DescribeExecutionCommandOutput> {
  for (;;) {
    const execution = await client.send(new DescribeExecutionCommand({ executionArn }));
    if (execution.status !== 'RUNNING') return execution;
    await setTimeout(5);
  }
}

/** Waits until an execution's history has an event that matches. */
export async function reached(
  client: SFNClient,
  executionArn: string,
  matches: (event: HistoryEvent) => boolean,
): Promise<void> {
  while (!(await history(client, executionArn)).some(matches)) await setTimeout(5);
}

/** The whole history, page by page. */
export async function history(
  client: SFNClient,
  executionArn: string | undefined,
): Promise<HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  let nextToken: string | undefined;
  do {
    const page = await client.send(
      new GetExecutionHistoryCommand({ executionArn, maxResults: 1000, nextToken }),
    );
    events.push(...(page.events ?? []));
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return events;
}

/** How many events of each type, or of one. */
export function types(events: readonly HistoryEvent[]): (string | undefined)[] {
  return events.map(({ type }) => type);
}
