import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { after } from '../timer.js';
import { Ahead } from './ahead.js';
import type { Definition } from './definition.js';
import { History, HistoryWriter } from './history.js';
import { States, type MapItems } from './interpreter.js';
import { MapRun, type Child, type ExecutionStatus, type MapRunEnd } from './map-run.js';
import type { Progress } from './progress.js';
import type { Task } from './state-error.js';

/** The part of its state machine that an execution needs. */
export interface Machine {
  readonly arn: string;
  readonly name: string;
  readonly roleArn: string;
  readonly definition: Definition;
  readonly timeScale: number;
  readonly invoke: Task;
  /** Told of every execution that there is, children too. */
  readonly onExecution: (execution: Execution) => void;
  readonly onMapRun: (mapRun: MapRun) => void;
}

/** One execution of a state machine, or of a Distributed Map's processor. */
export class Execution implements Child {
  readonly history = new History();
  readonly startDate = Date.now() / 1000;
  status: ExecutionStatus = 'RUNNING';
  output: string | undefined;
  error: string | undefined;
  cause: string | undefined;
  stopDate: number | undefined;
  redriveDate: number | undefined;
  redriveCount = 0;
  /** Resolves when it has ended, however it did; after a redrive there is another one. */
  ended: Promise<void>;
  readonly #progress: Progress = {};
  #attempt: Attempt;

  constructor(
    private readonly machine: Machine,
    readonly arn: string,
    readonly name: string,
    /** JSON. */
    readonly input: string,
    private readonly definition: Definition = machine.definition,
    readonly mapRun?: MapRun,
    ahead?: Ahead,
  ) {
    machine.onExecution(this);
    this.#attempt = this.#newAttempt(ahead);
    this.ended = this.#run(this.#attempt, 0, 'ExecutionStarted', {
      executionStartedEventDetails: { input, roleArn: machine.roleArn },
    });
  }

  get stateMachineArn(): string {
    return this.machine.arn;
  }

  get notRedrivable(): string | undefined {
    if (this.status === 'RUNNING' || this.status === 'SUCCEEDED') {
      return `Execution is ${this.status} and cannot be redriven`;
    }
    return this.history.isFull ? 'Execution history event limit exceeded' : undefined;
  }

  /** Ends it from outside; its functions that are at work finish in vain. */
  stop(error?: string, cause?: string): void {
    if (this.status !== 'RUNNING' && this.status !== 'PENDING_REDRIVE') return;
    this.#end('ABORTED', { error, cause });
    this.#attempt.history.end(this.history.events.length, 'ExecutionAborted', {
      executionAbortedEventDetails: { error, cause },
    });
    this.#attempt.abort.abort();
  }

  /** Says that its Map Run will redrive it, if it needs that and can be. */
  awaitRedrive(): void {
    if (this.notRedrivable === undefined) this.status = 'PENDING_REDRIVE';
  }

  /** Goes on from the state that it ended in; only for one that can be redriven. */
  redrive(ahead?: Ahead): void {
    this.status = 'RUNNING';
    this.error = undefined;
    this.cause = undefined;
    this.stopDate = undefined;
    this.redriveDate = Date.now() / 1000;
    this.redriveCount += 1;
    this.#attempt = this.#newAttempt(ahead);
    this.ended = this.#run(this.#attempt, this.history.events.length, 'ExecutionRedriven', {
      executionRedrivenEventDetails: { redriveCount: this.redriveCount },
    });
  }

  /** @param ahead of a child, as its Map Run has it */
  #newAttempt(ahead?: Ahead): Attempt {
    const history = new HistoryWriter(this.history);
    const abort = new AbortController();
    const startMs = performance.now();
    const mostMs = (this.definition.TimeoutSeconds ?? Infinity) * 1000;
    const onMore = (ms: number): void => {
      if (performance.now() - startMs + ms > mostMs) this.#timeOut({ history, abort });
    };
    return { history, abort, ahead: ahead ?? new Ahead(0, onMore) };
  }

  async #run(
    attempt: Attempt,
    previousEvent: number,
    event: string,
    details: Readonly<Record<string, object>>,
  ): Promise<void> {
    const { machine } = this;
    const { history, abort } = attempt;
    const first = history.add(previousEvent, event, details);
    const states = new States(
      this.definition,
      {
        history,
        timeScale: machine.timeScale,
        region: machine.arn.split(':')[3] ?? '',
        ahead: attempt.ahead,
        signal: abort.signal,
        context: this.#context(),
        invoke: machine.invoke,
        runChildren: (map, signal) => this.#runChildren(attempt, map, signal),
      },
      first,
      this.#progress,
    );
    const callOff = this.#limitTime(attempt);
    try {
      const output = await states.run(JSON.parse(this.input));
      if (!history.isOpen) return;
      this.output = history.payload(output);
      this.#end('SUCCEEDED', {});
      history.end(states.lastEvent, 'ExecutionSucceeded', {
        executionSucceededEventDetails: { output: this.output },
      });
    } catch (thrown) {
      if (!history.isOpen) return;
      const { name, message } = thrown as Error;
      // A Fail state may leave them out.
      const error = name === '' ? undefined : name;
      const cause = message === '' ? undefined : message;
      this.#end('FAILED', { error, cause });
      history.end(states.lastEvent, 'ExecutionFailed', {
        executionFailedEventDetails: { error, cause },
      });
    } finally {
      callOff();
    }
  }

  /** From the start or the redrive. A wait that is scaled may bring the end forward. */
  #limitTime(attempt: Attempt): () => void {
    const { TimeoutSeconds } = this.definition;
    if (TimeoutSeconds === undefined) return () => undefined;
    return after(TimeoutSeconds * 1000, () => this.#timeOut(attempt));
  }

  #timeOut({ history, abort }: Pick<Attempt, 'history' | 'abort'>): void {
    if (!history.isOpen) return;
    this.#end('TIMED_OUT', { error: 'States.Timeout' });
    history.end(this.history.events.length, 'ExecutionTimedOut', {
      executionTimedOutEventDetails: { error: 'States.Timeout' },
    });
    abort.abort();
  }

  #end(
    status: ExecutionStatus,
    { error, cause }: { readonly error?: string | undefined; readonly cause?: string | undefined },
  ): void {
    this.status = status;
    this.error = error;
    this.cause = cause;
    this.stopDate = Date.now() / 1000;
  }

  #context(): Record<string, unknown> {
    const { machine, arn, name } = this;
    return {
      Execution: { Id: arn, Name: name, RoleArn: machine.roleArn },
      StateMachine: { Id: machine.arn, Name: machine.name },
    };
  }

  async #runChildren(
    { history, ahead }: Attempt,
    map: MapItems,
    signal: AbortSignal,
  ): Promise<MapRunEnd> {
    const { previousEvent, progress } = map;
    const end =
      progress.run === undefined
        ? this.#newMapRun(map).run(history, previousEvent, signal, ahead)
        : progress.run.redrive(history, previousEvent, signal, ahead);
    const { failure } = await end;
    // AWS redrives no Map Run whose results are too large: the next one is new.
    if (failure?.name === 'States.DataLimitExceeded') delete progress.run;
    return end;
  }

  #newMapRun({ name, state, inputs, progress }: MapItems): MapRun {
    const { machine } = this;
    const label = state.Label ?? name;
    progress.run = new MapRun({
      arn: `${machine.arn.replace(':stateMachine:', ':mapRun:')}/${label}:${randomUUID()}`,
      executionArn: this.arn,
      name,
      maxConcurrency: state.MaxConcurrency ?? 0,
      inputs,
      startChild: (run, input, ahead) =>
        this.#startChild(run, label, state.ItemProcessor, input, ahead),
    });
    machine.onMapRun(progress.run);
    return progress.run;
  }

  #startChild(
    mapRun: MapRun,
    label: string,
    processor: Definition,
    input: unknown,
    ahead: Ahead,
  ): Execution {
    const name = randomUUID();
    const prefix = this.machine.arn.replace(':stateMachine:', ':execution:');
    const arn = `${prefix}/${label}:${name}`;
    return new Execution(this.machine, arn, name, JSON.stringify(input), processor, mapRun, ahead);
  }
}

/** The record of the start, or of one redrive. */
interface Attempt {
  readonly history: HistoryWriter;
  readonly abort: AbortController;
  readonly ahead: Ahead;
}
