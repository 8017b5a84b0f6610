import { randomUUID } from 'node:crypto';
import type { Definition } from './definition.js';
import { History, HistoryWriter } from './history.js';
import { States, type DistributedMap } from './interpreter.js';
import { MapRun, type Child, type ExecutionStatus, type MapRunEnd } from './map-run.js';
import type { Task } from './state-error.js';

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

/** One execution of a state machine, or of a Distributed Map's processor. */
export class Execution implements Child {
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
  readonly #writer = new HistoryWriter(this.history);

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
  stop(error?: string, cause?: string): void {
    if (this.status !== 'RUNNING') return;
    this.#end('ABORTED', { error, cause });
    this.#writer.end(this.history.events.length, 'ExecutionAborted', {
      executionAbortedEventDetails: { error, cause },
    });
    this.#abort.abort();
  }

  async #run(): Promise<void> {
    const { machine } = this;
    const history = this.#writer;
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
      if (!history.isOpen) return;
      this.output = history.payload(output);
      this.#end('SUCCEEDED', {});
      history.end(states.lastEvent, 'ExecutionSucceeded', {
        executionSucceededEventDetails: { output: this.output },
      });
    } catch (thrown) {
      if (!history.isOpen) return;
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
        this.#writer.end(this.history.events.length, 'ExecutionTimedOut', {
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

  #runChildren(
    { name, state, inputs, previousEvent }: DistributedMap,
    signal: AbortSignal,
  ): Promise<MapRunEnd> {
    const { machine } = this;
    const label = state.Label ?? name;
    const mapRun = new MapRun({
      arn: `${machine.arn.replace(':stateMachine:', ':mapRun:')}/${label}:${randomUUID()}`,
      executionArn: this.arn,
      name,
      maxConcurrency: state.MaxConcurrency ?? 0,
      inputs,
      startChild: (run, input) => this.#startChild(run, label, state.ItemProcessor, input),
    });
    machine.onMapRun(mapRun);
    return mapRun.run(this.#writer, previousEvent, signal);
  }

  #startChild(mapRun: MapRun, label: string, processor: Definition, input: unknown): Execution {
    const name = randomUUID();
    const prefix = this.machine.arn.replace(':stateMachine:', ':execution:');
    const arn = `${prefix}/${label}:${name}`;
    return new Execution(this.machine, arn, name, JSON.stringify(input), processor, mapRun);
  }
}
