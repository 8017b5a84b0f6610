import { randomUUID } from 'node:crypto';
import pLimit from 'p-limit';
import type { Definition } from './definition.js';
import { History } from './history.js';
import { States, type DistributedMap, type DistributedMapEnd } from './interpreter.js';
import { assertPayload, StateError, type Task } from './state-error.js';

export type ExecutionStatus = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';

/** What an execution needs of the state machine that it is of. */
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

/** What a Distributed Map does within its execution. */
export interface MapRun {
  readonly arn: string;
  readonly executionArn: string;
  readonly maxConcurrency: number;
  readonly startDate: number;
  stopDate: number | undefined;
  status: ExecutionStatus;
  readonly children: Execution[];
  /** How many children there are to be. */
  readonly total: number;
}

/** How many children run at a time unless the Map says otherwise; AWS allows 10,000. */
const defaultChildren = 1_000;

/** One execution of a state machine, or of a Distributed Map's processor. */
export class Execution {
  readonly history = new History();
  readonly startDate = Date.now() / 1000;
  status: ExecutionStatus = 'RUNNING';
  output: string | undefined;
  error: string | undefined;
  cause: string | undefined;
  stopDate: number | undefined;
  /** Resolves when it has ended, however it did. */
  readonly ended: Promise<void>;
  readonly #abort = new AbortController();

  constructor(
    private readonly machine: Machine,
    readonly arn: string,
    readonly name: string,
    /** JSON. */
    readonly input: string,
    private readonly definition: Definition = machine.definition,
    readonly mapRun?: MapRun,
  ) {
    machine.onExecution(this);
    this.ended = this.#run();
  }

  get stateMachineArn(): string {
    return this.machine.arn;
  }

  /** Ends it from outside; its functions that are at work finish in vain. */
  stop(error: string | undefined, cause: string | undefined): void {
    if (this.status !== 'RUNNING') return;
    this.#end('ABORTED', { error, cause });
    this.history.end(this.history.events.length, 'ExecutionAborted', {
      executionAbortedEventDetails: { error, cause },
    });
    this.#abort.abort();
  }

  async #run(): Promise<void> {
    const { history, machine } = this;
    const started = history.add(0, 'ExecutionStarted', {
      executionStartedEventDetails: { input: this.input, roleArn: machine.roleArn },
    });
    const states = new States(
      this.definition,
      {
        history,
        timeScale: machine.timeScale,
        signal: this.#abort.signal,
        context: this.#context(),
        invoke: machine.invoke,
        runChildren: (map, signal) => this.#runChildren(map, signal),
      },
      started,
    );
    const timer = this.#limitTime();
    try {
      const output = await states.run(JSON.parse(this.input));
      if (this.status !== 'RUNNING') return;
      this.output = history.payload(output);
      this.#end('SUCCEEDED', {});
      history.end(states.lastEvent, 'ExecutionSucceeded', {
        executionSucceededEventDetails: { output: this.output },
      });
    } catch (thrown) {
      if (this.status !== 'RUNNING') return;
      const { name: error, message: cause } = thrown as Error;
      this.#end('FAILED', { error, cause });
      history.end(states.lastEvent, 'ExecutionFailed', {
        executionFailedEventDetails: { error, cause },
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Real time: what is rehearsed faster has no need of less. */
  #limitTime(): NodeJS.Timeout | undefined {
    const { TimeoutSeconds } = this.definition;
    if (TimeoutSeconds === undefined) return undefined;
    return setTimeout(
      () => {
        if (this.status !== 'RUNNING') return;
        this.#end('TIMED_OUT', { error: 'States.Timeout' });
        this.history.end(this.history.events.length, 'ExecutionTimedOut', {
          executionTimedOutEventDetails: { error: 'States.Timeout' },
        });
        this.#abort.abort();
      },
      Math.min(TimeoutSeconds * 1000, 2_147_483_647),
    );
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
    { name, state, inputs, previousEvent }: DistributedMap,
    signal: AbortSignal,
  ): Promise<DistributedMapEnd> {
    const { history, machine } = this;
    const label = state.Label ?? name;
    // 0 is AWS’s word for no limit of one's own.
    const { MaxConcurrency = 0 } = state;
    const maxConcurrency = MaxConcurrency === 0 ? defaultChildren : MaxConcurrency;
    const mapRun: MapRun = {
      arn: `${machine.arn.replace(':stateMachine:', ':mapRun:')}/${label}:${randomUUID()}`,
      executionArn: this.arn,
      maxConcurrency,
      startDate: Date.now() / 1000,
      stopDate: undefined,
      status: 'RUNNING',
      children: [],
      total: inputs.length,
    };
    machine.onMapRun(mapRun);
    let lastEvent = history.add(previousEvent, 'MapRunStarted', {
      mapRunStartedEventDetails: { mapRunArn: mapRun.arn },
    });
    const finish = (status: ExecutionStatus): void => {
      if (mapRun.status !== 'RUNNING') return;
      mapRun.status = status;
      mapRun.stopDate = Date.now() / 1000;
      for (const child of mapRun.children) child.stop(undefined, undefined);
    };
    const abort = (): void => finish('ABORTED');
    signal.addEventListener('abort', abort, { once: true });
    const limit = pLimit(maxConcurrency);
    const ends = inputs.map((input) =>
      limit(async () => {
        if (mapRun.status !== 'RUNNING') return undefined;
        const child = this.#startChild(mapRun, label, state.ItemProcessor, input);
        await child.ended;
        if (child.status !== 'SUCCEEDED') finish('FAILED');
        return JSON.parse(child.output ?? 'null') as unknown;
      }),
    );
    try {
      const outputs = await Promise.all(ends);
      // AWS gathers them even where the state discards them.
      if (mapRun.status === 'RUNNING') assertPayload(history.payload(outputs), name);
      finish('SUCCEEDED');
      if (mapRun.status !== 'SUCCEEDED') throw toleratedFailureThreshold();
      lastEvent = history.add(lastEvent, 'MapRunSucceeded');
      return { outputs, lastEvent, failure: undefined };
    } catch (thrown) {
      finish('FAILED');
      const failure = thrown as Error;
      lastEvent = history.add(lastEvent, 'MapRunFailed', {
        mapRunFailedEventDetails: { error: failure.name, cause: failure.message },
      });
      return { outputs: [], lastEvent, failure };
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  #startChild(mapRun: MapRun, label: string, processor: Definition, input: unknown): Execution {
    const name = randomUUID();
    const prefix = this.machine.arn.replace(':stateMachine:', ':execution:');
    const arn = `${prefix}/${label}:${name}`;
    const text = JSON.stringify(input);
    const child = new Execution(this.machine, arn, name, text, processor, mapRun);
    mapRun.children.push(child);
    return child;
  }
}

function toleratedFailureThreshold(): StateError {
  return new StateError(
    'States.ExceedToleratedFailureThreshold',
    'The specified tolerated failure threshold was exceeded',
  );
}
