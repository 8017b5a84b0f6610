import type * as Interpreter from 'aws-local-stepfunctions';
import pLimit from 'p-limit';
import type { Definition, MapState, State } from './definition.js';
import type { HistoryWriter } from './history.js';
import { continuedAt, toInterpreted } from './interpreted-definition.js';
import type { MapRunEnd } from './map-run.js';
import type { IterationProgress, MapProgress, Progress } from './progress.js';
import { assertPayload, StateError, type Task } from './state-error.js';

/** Node 20 has no such thing, and it is all of Node 22 that the interpreter wants. */
function withResolvers(): { promise: Promise<unknown>; resolve: unknown; reject: unknown } {
  let resolve: unknown;
  let reject: unknown;
  const promise = new Promise((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

async function loadInterpreter(): Promise<typeof Interpreter> {
  (Promise as { withResolvers?: unknown }).withResolvers ??= withResolvers;
  return import('aws-local-stepfunctions');
}

/** What a run of states needs to know of the execution that it belongs to. */
export interface Surroundings {
  readonly history: HistoryWriter;
  readonly timeScale: number;
  readonly signal: AbortSignal;
  /** The context object, `$$`. */
  readonly context: Readonly<Record<string, unknown>>;
  /** Calls a function: the task's `Resource` and what the state gives to it. */
  readonly invoke: Task;
  /** Runs the items of a Distributed Map as executions of their own. */
  readonly runChildren: (map: DistributedMap, signal: AbortSignal) => Promise<MapRunEnd>;
}

export interface DistributedMap {
  readonly name: string;
  readonly state: MapState;
  readonly inputs: readonly unknown[];
  readonly previousEvent: number;
  readonly progress: MapProgress;
}

/** AWS runs no more iterations of an inline Map at a time. */
const mostInline = 40;

/** Runs a definition's states to their end, and records their events. */
export class States {
  #last: number;
  /** What the interpreter tells comes later than what it does: a task waits until its state is on record. */
  #entered: { readonly wait: Promise<void>; readonly open: () => void } = gate();
  /** Which attempt of a task counts: an earlier one that timed out finishes in vain. */
  #attempt = 0;
  /** What a redrive keeps of the Map that it goes on with; a retry keeps nothing. */
  #keptMap: MapProgress | undefined;
  readonly #stop = new AbortController();
  /** That the execution has ended, or that these states have. */
  readonly #signal: AbortSignal;

  /** @param progress where to go on, and what is kept up to date meanwhile */
  constructor(
    private readonly definition: Definition,
    private readonly surroundings: Surroundings,
    previousEvent: number,
    private readonly progress: Progress,
  ) {
    this.#last = previousEvent;
    this.#keptMap = progress.current?.map;
    this.#signal = AbortSignal.any([surroundings.signal, this.#stop.signal]);
  }

  /** The latest event on record. */
  get lastEvent(): number {
    return this.#last;
  }

  /** @throws an error whose name and message are the error and the cause that the states failed with */
  async run(input: unknown): Promise<unknown> {
    const { current, end } = this.progress;
    if (end !== undefined) return end.output;
    const { StateMachine } = await loadInterpreter();
    const { timeScale, context } = this.surroundings;
    const interpreted = toInterpreted(this.definition, timeScale);
    const machine = new StateMachine(
      (current === undefined ? interpreted : continuedAt(interpreted, current)) as never,
      { validationOptions: { noValidate: true } },
    );
    const handlers = Object.entries(this.definition.States)
      .filter(([, { Type }]) => Type === 'Task' || Type === 'Map')
      .map(([name, state]) => [name, (given: unknown) => this.#task(name, state, given)]);
    const running = machine.run(input as never, {
      overrides: { taskResourceLocalHandlers: Object.fromEntries(handlers) as never },
      context,
    });
    const abort = (): void => {
      running.abort();
      // No event will come any more; whatever waits for one finds out that it is in vain.
      this.#entered.open();
    };
    this.#signal.addEventListener('abort', abort, { once: true });
    if (this.#signal.aborted) abort();
    let refused: unknown;
    const told = this.#record(running.eventLogs as AsyncIterable<InterpreterEvent>).catch(
      (error: unknown) => {
        refused = error;
        this.#stop.abort();
      },
    );
    try {
      const output: unknown = await running.result;
      await told;
      if (refused === undefined) return output;
    } catch (error) {
      await told;
      refused ??= causeOf(error);
    } finally {
      this.#signal.removeEventListener('abort', abort);
    }
    throw refused;
  }

  /** @throws StateError when a limit is passed that the interpreter knows nothing of */
  async #record(events: AsyncIterable<InterpreterEvent>): Promise<void> {
    const { history } = this.surroundings;
    let isOnRecord = this.progress.current !== undefined;
    let left: InterpreterState | undefined;
    for await (const { type, state, Error: error } of events) {
      if (state === undefined || !history.isOpen) continue;
      const definition = this.definition.States[state.name];
      if (definition === undefined) continue;
      if (type === 'StateEntered') {
        // At once, so that whatever ends the attempt finds it in a state.
        if (left !== undefined) this.#leave(left);
        left = undefined;
        if (!isOnRecord) this.#enter(state);
        isOnRecord = false;
        if (definition.Type === 'Task' || definition.Type === 'Map') this.#entered.open();
      } else if (type === 'StateExited') {
        left = state;
      } else if (
        type === 'StateFailed' &&
        definition.Type === 'Task' &&
        error === 'States.Timeout'
      ) {
        this.#attempt += 1;
        const { scheduled, details } = namesOf(definition);
        this.#last = history.add(this.#last, `${scheduled}TimedOut`, {
          [`${details}TimedOutEventDetails`]: { error },
        });
      } else if (type === 'StateRetried') {
        history.countRetry();
        this.#entered.open();
      }
    }
    if (left === undefined || !history.isOpen) return;
    this.#leave(left);
    this.progress.end = { output: left.output };
  }

  #enter({ name, input }: InterpreterState): void {
    const { history } = this.surroundings;
    this.#last = history.add(this.#last, `${this.#typeOf(name)}StateEntered`, {
      stateEnteredEventDetails: { name, input: history.payload(input) },
    });
    this.progress.current = { name, input };
  }

  #leave({ name, output }: InterpreterState): void {
    const { history } = this.surroundings;
    const text = history.payload(output);
    assertPayload(text, name);
    this.#last = history.add(this.#last, `${this.#typeOf(name)}StateExited`, {
      stateExitedEventDetails: { name, output: text },
    });
  }

  #typeOf(name: string): string | undefined {
    return this.definition.States[name]?.Type;
  }

  async #task(name: string, state: State, given: unknown): Promise<unknown> {
    await this.#entered.wait;
    if (this.#signal.aborted) throw new StateError('States.Runtime', 'aborted');
    this.#entered = gate();
    const result =
      state.Type === 'Map'
        ? await this.#map(name, state as MapState, given as MapInput)
        : await this.#invoke(name, state, given);
    assertPayload(JSON.stringify(result ?? null), name);
    return result;
  }

  async #invoke(name: string, state: State, given: unknown): Promise<unknown> {
    const { history, invoke } = this.surroundings;
    const resource = String(state.Resource);
    const { scheduled, details } = namesOf(state);
    this.#attempt += 1;
    const attempt = this.#attempt;
    const counts = (): boolean => attempt === this.#attempt && !this.#signal.aborted;
    const parameters = history.payload(given);
    assertPayload(parameters, name);
    this.#last = history.add(this.#last, `${scheduled}Scheduled`, {
      [`${details}ScheduledEventDetails`]: { resource, parameters },
    });
    this.#last = history.add(this.#last, `${scheduled}Started`);
    try {
      const result = await invoke(resource, given);
      if (counts()) {
        this.#last = history.add(this.#last, `${scheduled}Succeeded`, {
          [`${details}SucceededEventDetails`]: { resource, output: history.payload(result) },
        });
      }
      return result;
    } catch (thrown) {
      const { name: error, message: cause } = thrown as Error;
      if (counts()) {
        this.#last = history.add(this.#last, `${scheduled}Failed`, {
          [`${details}FailedEventDetails`]: { resource, error, cause },
        });
      }
      throw thrown;
    }
  }

  async #map(name: string, state: MapState, { items, input }: MapInput): Promise<unknown> {
    if (!Array.isArray(items)) {
      throw new StateError('States.Runtime', `the items of ${name} are no array`);
    }
    const inputs = await this.#select(state, items, input);
    if (this.#signal.aborted) throw new StateError('States.Runtime', 'aborted');
    const { history } = this.surroundings;
    const progress = this.#keptMap ?? { iterations: [] };
    if (this.#keptMap === undefined) {
      this.#last = history.add(this.#last, 'MapStateStarted', {
        mapStateStartedEventDetails: { length: inputs.length },
      });
      if (this.progress.current !== undefined) this.progress.current.map = progress;
    }
    this.#keptMap = undefined;
    try {
      const outputs =
        state.ItemProcessor.ProcessorConfig?.Mode === 'DISTRIBUTED'
          ? await this.#distribute({ name, state, inputs, previousEvent: this.#last, progress })
          : await this.#inline(name, state, inputs, items, progress);
      this.#last = history.add(this.#last, 'MapStateSucceeded');
      return outputs;
    } catch (error) {
      this.#last = history.add(this.#last, 'MapStateFailed');
      throw error;
    }
  }

  async #distribute(map: DistributedMap): Promise<unknown> {
    const { outputs, lastEvent, failure } = await this.surroundings.runChildren(map, this.#signal);
    this.#last = lastEvent;
    if (failure !== undefined) throw failure;
    return outputs;
  }

  async #inline(
    name: string,
    state: MapState,
    inputs: readonly unknown[],
    items: readonly unknown[],
    { iterations }: MapProgress,
  ): Promise<unknown> {
    const { history } = this.surroundings;
    const started = this.#last;
    // 0 is AWS’s word for no limit of one's own.
    const { MaxConcurrency = 0 } = state;
    const limit = pLimit(MaxConcurrency === 0 ? mostInline : Math.min(MaxConcurrency, mostInline));
    const failures: unknown[] = [];
    const stop = new AbortController();
    const signal = AbortSignal.any([this.#signal, stop.signal]);
    const isStopped = (): boolean => signal.aborted;
    const iterate = async (itemInput: unknown, index: number): Promise<unknown> => {
      if (isStopped()) return undefined;
      const known = iterations[index];
      if (known?.hasSucceeded === true) return known.end?.output;
      const progress: IterationProgress = known ?? {};
      iterations[index] = progress;
      const details = { name, index };
      const first =
        known === undefined
          ? history.add(started, 'MapIterationStarted', {
              mapIterationStartedEventDetails: details,
            })
          : started;
      const states = new States(
        state.ItemProcessor,
        { ...this.surroundings, signal, context: this.#contextOf(index, items[index]) },
        first,
        progress,
      );
      try {
        const output = await states.run(itemInput);
        if (history.isOpen) progress.hasSucceeded = true;
        this.#last = history.add(states.lastEvent, 'MapIterationSucceeded', {
          mapIterationSucceededEventDetails: details,
        });
        return output;
      } catch (error) {
        // The first to fail ends the others, whose end is no failure of theirs.
        const hasFailed = !isStopped();
        stop.abort();
        const end = hasFailed ? 'Failed' : 'Aborted';
        const id = history.add(states.lastEvent, `MapIteration${end}`, {
          [`mapIteration${end}EventDetails`]: details,
        });
        if (hasFailed) this.#last = id;
        throw error;
      }
    };
    // All have ended when the Map has, whichever failed first.
    const ends = await Promise.allSettled(
      inputs.map((itemInput, index) =>
        limit(() => iterate(itemInput, index)).catch((error: unknown) => {
          failures.push(error);
          throw error;
        }),
      ),
    );
    if (failures.length > 0) throw failures[0];
    return ends.map((end) => (end.status === 'fulfilled' ? end.value : undefined));
  }

  /** Each item's input; where the state selects it, by the interpreter's own reading of the template. */
  async #select(state: MapState, items: readonly unknown[], input: unknown): Promise<unknown[]> {
    if (state.ItemSelector === undefined) return [...items];
    const { StateMachine } = await loadInterpreter();
    const selector = new StateMachine(
      {
        StartAt: 'Select',
        States: { Select: { Type: 'Pass', Parameters: state.ItemSelector as never, End: true } },
      },
      { validationOptions: { noValidate: true } },
    );
    const selected: unknown[] = [];
    for (const [index, item] of items.entries()) {
      const context = this.#contextOf(index, item);
      selected.push(await selector.run(input as never, { context }).result);
    }
    return selected;
  }

  #contextOf(index: number, value: unknown): Record<string, unknown> {
    return { ...this.surroundings.context, Map: { Item: { Index: index, Value: value } } };
  }
}

interface MapInput {
  readonly items: unknown;
  readonly input: unknown;
}

/** What is read of the interpreter's events. */
interface InterpreterEvent {
  readonly type: string;
  /** The error's name, of a state that failed. */
  readonly Error?: string;
  readonly state?: InterpreterState;
}

interface InterpreterState {
  readonly name: string;
  readonly input: unknown;
  readonly output?: unknown;
}

/** How AWS calls the events of a task, which depends on how it names its function. */
function namesOf(state: State | undefined): {
  readonly scheduled: string;
  readonly details: string;
} {
  return String(state?.Resource).startsWith('arn:aws:lambda:')
    ? { scheduled: 'LambdaFunction', details: 'lambdaFunction' }
    : { scheduled: 'Task', details: 'task' };
}

function gate(): { readonly wait: Promise<void>; readonly open: () => void } {
  let open!: () => void;
  const wait = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { wait, open };
}

/** The interpreter wraps what a state failed with. */
function causeOf(error: unknown): unknown {
  const { name, cause } = error as { name?: string; cause?: unknown };
  return name === 'ExecutionError' && cause !== undefined ? cause : error;
}
