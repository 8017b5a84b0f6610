import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isStepComputeError } from '@stepcompute/core';
import type { LatencyBudget } from './latency-budget.js';

/**
 * Answers `GET /checkout-latency?release=1.4.2&budgetMs=300&quoteTimeoutMs=200` with the verdict as JSON.
 * @param timeoutMs how long an answer may take
 */
export function latencyServer(budget: LatencyBudget, timeoutMs = 30_000): Server {
  return createServer((request, response) => {
    void answer(budget, timeoutMs, request, response);
  });
}

async function answer(
  budget: LatencyBudget,
  timeoutMs: number,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (request.method !== 'GET' || url.pathname !== '/checkout-latency') {
    send(response, 404, { error: 'ask GET /checkout-latency?release=…&budgetMs=…' });
    return;
  }
  const gone = new AbortController();
  response.once('close', () => {
    gone.abort();
  });
  const timeUp = AbortSignal.timeout(timeoutMs);
  try {
    const { release = '', budgetMs, ...given } = Object.fromEntries(url.searchParams);
    // The simulation says which there are, and that they are numbers.
    const parameters = Object.fromEntries(
      Object.entries(given).map(([name, text]) => [name, Number(text)]),
    );
    const signal = AbortSignal.any([gone.signal, timeUp]);
    send(response, 200, await budget.check(release, Number(budgetMs), parameters, signal));
  } catch (error) {
    if (gone.signal.aborted) return;
    if (timeUp.aborted) {
      send(response, 504, { error: `no verdict within ${timeoutMs} ms: ask again for the rest` });
      return;
    }
    const status = statusOf(error);
    if (status === 500) console.error(error);
    const message = status !== 500 && error instanceof Error ? error.message : 'unexpected error';
    send(response, status, { error: message });
  }
}

/** The taxonomy's names are stable, which is why they may be compared. */
function statusOf(error: unknown): number {
  if (!isStepComputeError(error)) return 500;
  switch (error.name) {
    case 'InvalidInputError':
      return 400;
    case 'ConflictingRunError':
      return 409;
    case 'PersistenceError':
      return 503;
    default:
      return 500;
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
