import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  InvalidInputError,
  PersistenceError,
  reportOf,
  warningOf,
  type Average,
  type Ledger,
  type Run,
  type RunRequest,
} from '@stepcompute/core';
import { parseRunRequest } from '@stepcompute/core/adapters';
import type { Costs, FaultProps } from '@stepcompute/rehearsal';
import { describeError, ExitCode, exitCodeOf } from './exit-codes.js';
import { averageRows, formatCount, formatDuration, formatTable } from './format.js';
import { loadGenerator } from './generators.js';
import type { Interruption } from './interruption.js';
import { parseNumber } from './options.js';
import { plainProgress, terminalProgress } from './progress-display.js';
import type { Terminal } from './terminal.js';

/** The options of `rehearse`, as typed. */
export interface RehearseOptions {
  readonly repetitions: string;
  readonly seed?: string;
  readonly mode: string;
  readonly generator?: string;
  readonly tolerate?: string;
  readonly faults: string;
  readonly crashes: string;
  readonly faultSeed: string;
  readonly db: string;
  readonly verbose?: boolean;
  readonly json?: boolean;
}

/** What a rehearsal has come to, whether it ended well or not. */
interface Outcome {
  /** Undefined when it failed before it had a run. */
  readonly run: Run | undefined;
  readonly ledger: Ledger | undefined;
  readonly average: Average | undefined;
  readonly error: unknown;
  readonly account: Costs;
}

/** Ten minutes become ten milliseconds. */
const timeScale = 60_000;

/** Runs the deployment, as CDK synthesizes it, on this machine, and says what it would have cost. */
export async function rehearseCommand(
  options: RehearseOptions,
  terminal: Terminal,
  interruption: Interruption,
): Promise<ExitCode> {
  const startedAt = performance.now();
  const request = {
    repetitions: parseNumber(options.repetitions) as number,
    seed: options.seed === undefined ? undefined : (parseNumber(options.seed) as number),
    tolerance: options.tolerate,
  };
  parseRunRequest(request);
  const faults = parseFaults(options);
  if (options.mode !== 'inline' && options.mode !== 'distributed') {
    throw new InvalidInputError('mode', '"inline" or "distributed"', options.mode);
  }
  if (options.generator !== undefined) await loadGenerator(options.generator);
  // What a user can do about it is in engines; the functions on AWS run on another version.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const assembly = mkdtempSync(join(tmpdir(), 'stepcompute-rehearsal-'));
  try {
    terminal.note(`Synthesizing the deployment (${options.mode}) …`);
    await interruption.race(synthesize(assembly, options), 'the synthesis never ends');
    const outcome = await perform(assembly, options, request, faults, terminal, interruption);
    const elapsedMs = Math.round(performance.now() - startedAt);
    if (outcome.error !== undefined) terminal.fail(outcome.error);
    if (options.json === true) {
      terminal.print(JSON.stringify(toJson(outcome, elapsedMs)));
    } else if (outcome.average !== undefined) {
      terminal.print(formatTable(rowsOf(outcome, elapsedMs), terminal.isInteractive));
    }
    const { ledger, average } = outcome;
    const warning = ledger && average && warningOf(ledger, average);
    if (warning !== undefined) terminal.note(`Warning: ${warning}`);
    if (outcome.error !== undefined) return exitCodeOf(outcome.error);
    return ExitCode.done;
  } finally {
    rmSync(assembly, { recursive: true, force: true });
  }
}

function parseFaults(options: RehearseOptions): FaultProps {
  const likelihood = (text: string, field: string): number => {
    const value = text.trim() === '' ? NaN : Number(text);
    if (!(value >= 0 && value <= 1))
      throw new InvalidInputError(field, 'a number from 0 to 1', text);
    return value;
  };
  const seed = parseNumber(options.faultSeed);
  if (typeof seed !== 'number' || !Number.isSafeInteger(seed)) {
    throw new InvalidInputError('fault seed', 'a whole number', options.faultSeed);
  }
  return {
    rate: likelihood(options.faults, 'faults'),
    crashes: likelihood(options.crashes, 'crashes'),
    seed,
  };
}

/** Has CDK's app write its assembly, as `npm run synth` does but without the command line of CDK. */
async function synthesize(assembly: string, { mode, generator }: RehearseOptions): Promise<void> {
  const app = fileURLToPath(import.meta.resolve('@stepcompute/infra/app'));
  const context = { mode, ...(generator !== undefined && { generator: resolve(generator) }) };
  const env = {
    ...process.env,
    CDK_OUTDIR: assembly,
    CDK_CONTEXT_JSON: JSON.stringify(context),
  };
  try {
    await promisify(execFile)(process.execPath, [app], { env });
  } catch (cause) {
    const { stderr } = cause as { stderr?: string };
    throw new PersistenceError(`the deployment could not be synthesized: ${stderr ?? ''}`, {
      cause,
      retryable: false,
    });
  }
}

async function perform(
  assembly: string,
  { db, verbose, json }: RehearseOptions,
  request: RunRequest,
  faults: FaultProps,
  terminal: Terminal,
  interruption: Interruption,
): Promise<Outcome> {
  const { Rehearsal } = await import('@stepcompute/rehearsal');
  const { openDataApi, StepFunctionsOrchestrator } = await import('@stepcompute/aws-adapter');
  const { typeOrmStores } = await import('@stepcompute/sql-store');
  const { SystemClock } = await import('@stepcompute/inmemory-adapter');
  const { SFNClient } = await import('@aws-sdk/client-sfn');
  const rehearsal = await interruption.race(
    Rehearsal.start({
      assembly,
      database: db,
      timeScale,
      scaledVariables: ['STEPCOMPUTE_DELAY_MS'],
      faults,
      ...(verbose === true &&
        json !== true && { onLog: (name, line) => terminal.note(`${name}: ${line}`) }),
    }),
    'the rehearsal never starts',
  );
  const display = terminal.isInteractive
    ? terminalProgress(process.stderr)
    : plainProgress((line) => terminal.note(line));
  try {
    Object.assign(process.env, rehearsal.environment);
    const [cluster] = rehearsal.clusters;
    const [stateMachineArn] = Object.values(rehearsal.stateMachines);
    if (cluster === undefined || stateMachineArn === undefined) {
      throw new Error('the deployment has neither a database nor a state machine');
    }
    const dataSource = await openDataApi({
      resourceArn: cluster.arn,
      secretArn: cluster.secretArn,
      database: cluster.database ?? '',
    });
    const stores = typeOrmStores(dataSource);
    const orchestrator = new StepFunctionsOrchestrator({
      client: new SFNClient({}),
      stateMachineArn,
      stores,
      clock: new SystemClock(),
      pollMs: 250,
    });
    let known: Run | undefined;
    const running = orchestrator.run(request, {
      signal: interruption.signal,
      onProgress: (progress) => {
        known = progress.run;
        display.update(progress);
      },
    });
    try {
      const result = await interruption.wait(running, 'the rehearsal never ends');
      return { ...result, error: undefined, account: rehearsal.costs() };
    } catch (error) {
      const run = known && (await stores.runs.get(known.id));
      const ledger = run && (await stores.failures.ledger(run.id));
      return { run, ledger, average: undefined, error, account: rehearsal.costs() };
    }
  } finally {
    display.stop();
    await rehearsal.close();
  }
}

function toJson({ run, ledger, average, error, account }: Outcome, elapsedMs: number): object {
  return {
    ...(run && ledger && reportOf(run, ledger, average)),
    elapsedMs,
    rehearsal: account,
    ...(error !== undefined && { error: describeError(error) }),
  };
}

function rowsOf({ run, ledger, average, account }: Outcome, elapsedMs: number): [string, string][] {
  const faults = Object.entries(account.faults).map(([name, count]) => `${name} ${count}`);
  return [
    ['run', String(run?.id)],
    ['seed', String(run?.seed)],
    ['values', formatCount(average?.count ?? 0)],
    ...(ledger?.failed ? [['failed', formatCount(ledger.failed)] as [string, string]] : []),
    ...(average === undefined ? [] : averageRows(average)),
    ['elapsed', formatDuration(elapsedMs)],
    ['state transitions', formatCount(account.stateTransitions)],
    ['child executions', formatCount(account.childExecutions)],
    ['Lambda requests', formatCount(account.lambdaRequests)],
    ['Lambda GB-seconds', formatCount(Math.round(account.lambdaGigabyteSeconds))],
    ['Data API calls', formatCount(account.dataApiCalls)],
    ['largest payload', `${formatCount(account.largestPayloadBytes)} bytes of 262,144`],
    ['longest history', `${formatCount(account.longestHistory)} events of 25,000`],
    ['faults', faults.length === 0 ? 'none' : faults.join(', ')],
    ['would have cost', `$${account.dollars.toPrecision(3)}, database apart`],
  ];
}
