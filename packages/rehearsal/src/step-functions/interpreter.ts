import type * as Interpreter from 'aws-local-stepfunctions';
import pLimit from 'p-limit';
import { mostPayloadBytes, StateError, type Task } from './state-error.js';
import { toInterpreted, type Definition, type MapState, type State } from './definition.js';
import type { History } from './history.js';

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
  readonly history: History;
  readonly timeScale: number;
  readonly signal: AbortSignal;
  /** The context object, `$$`. */
  readonly context: Readonly<Record<string, unknown>>;
  /** Calls a function: the task's `Resource` and what the state gives to it. */
  readonly invoke: Task;
  /** Runs the items of a Distributed Map as executions of their own. */
  readonly runChildren: (
    state: MapState,
    name: string,
    inputs: readonly unknown[],
    previousEvent: number,
  ) => Promise<{ readonly outputs: readonly unknown[]; readonly lastEvent: number }>;
}

/** AWS runs no more iterations of an inline Map at a time. */
const mostInline = 40;

/** Runs a definition's states to their end, and records their events. */
export class States {
  #last: number;
  /** What the interpreter tells comes later than what it does: a task waits until its state is on record. */
  #entered: { readonly wait: Promise<void>; readonly open: () => void } = gate();

  constructor(
    private readonly definition: Definition,
    private readonly surroundings: Surroundings,
    previousEvent: number,
  ) {
    this.#last = previousEvent;
  }

  /** The latest event on record. */
  get lastEvent(): number {
    return this.#last;
  }

  /** @throws an error whose name and message are the error and the cause that the states failed with */
  async run(input: unknown): Promise<unknown> {
    const { StateMachine } = await loadInterpreter();
    const { timeScale, signal, context } = this.surroundings;
    const machine = new StateMachine(toInterpreted(this.definition, timeScale) as never, {
      validationOptions: { noValidate: true },
    });
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
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    const told = this.#record(running.eventLogs as AsyncIterable<InterpreterEvent>);
    try {
      return await running.result;
    } catch (error) {
      throw causeOf(error);
    } finally {
      signal.removeEventListener('abort', abort);
      await told;
    }
  }

  async #record(events: AsyncIterable<InterpreterEvent>): Promise<void> {
    for await (const { type, state } of events) {
      if (type === 'StateRetried') {
        this.surroundings.history.transitions += 1;
        this.#entered.open();
      }
      if (state === undefined || (type !== 'StateEntered' && type !== 'StateExited')) continue;
      const kind = this.definition.States[state.name]?.Type ?? state.type;
      const { history } = this.surroundings;
      if (type === 'StateEntered') {
        this.#last = history.add(this.#last, `${kind}StateEntered`, {
          stateEnteredEventDetails: { name: state.name, input: history.payload(state.input) },
        });
        if (kind === 'Task' || kind === 'Map') this.#entered.open();
      } else {
        this.#last = history.add(this.#last, `${kind}StateExited`, {
          stateExitedEventDetails: { name: state.name, output: history.payload(state.output) },
        });
      }
    }
  }

  async #task(name: string, state: State, given: unknown): Promise<unknown> {
    await this.#entered.wait;
    if (this.surroundings.signal.aborted) throw new StateError('States.Runtime', 'aborted');
    this.#entered = gate();
    const result =
      state.Type === 'Map'
        ? await this.#map(name, state as MapState, given as MapInput)
        : await this.#invoke(state, given);
    // The interpreter knows no limit.
    if (Buffer.byteLength(JSON.stringify(result ?? null)) > mostPayloadBytes) {
      throw new StateError(
        'States.DataLimitExceeded',
        `The state/task ${name} returned a result with a size exceeding the maximum number of bytes service limit.`,
      );
    }
    return result;
  }

  async #invoke(state: State, given: unknown): Promise<unknown> {
    const { history, invoke } = this.surroundings;
    const resource = String(state.Resource);
    const names = resource.startsWith('arn:aws:lambda:')
      ? { scheduled: 'LambdaFunction', details: 'lambdaFunction' }
      : { scheduled: 'Task', details: 'task' };
    this.#last = history.add(this.#last, `${names.scheduled}Scheduled`, {
      [`${names.details}ScheduledEventDetails`]: { resource, parameters: history.payload(given) },
    });
    this.#last = history.add(this.#last, `${names.scheduled}Started`);
    try {
      const result = await invoke(resource, given);
      this.#last = history.add(this.#last, `${names.scheduled}Succeeded`, {
        [`${names.details}SucceededEventDetails`]: { resource, output: history.payload(result) },
      });
      return result;
    } catch (thrown) {
      const { name: error, message: cause } = thrown as Error;
      this.#last = history.add(this.#last, `${names.scheduled}Failed`, {
        [`${names.details}FailedEventDetails`]: { resource, error, cause },
      });
      throw thrown;
    }
  }

  async #map(name: string, state: MapState, { items, input }: MapInput): Promise<unknown> {
    if (!Array.isArray(items)) {
      throw new StateError('States.Runtime', `the items of ${name} are no array`);
    }
    const inputs = await this.#select(state, items, input);
    if (state.ItemProcessor.ProcessorConfig?.Mode === 'DISTRIBUTED') {
      const { runChildren } = this.surroundings;
      const { outputs, lastEvent } = await runChildren(state, name, inputs, this.#last);
      this.#last = lastEvent;
      return outputs;
    }
    return this.#inline(name, state, inputs, items);
  }

  async #inline(
    name: string,
    state: MapState,
    inputs: readonly unknown[],
    items: readonly unknown[],
  ): Promise<unknown> {
    const { history, signal } = this.surroundings;
    const started = history.add(this.#last, 'MapStateStarted', {
      mapStateStartedEventDetails: { length: inputs.length },
    });
    // 0 is AWS’s word for no limit of one's own.
    const { MaxConcurrency = 0 } = state;
    const limit = pLimit(MaxConcurrency === 0 ? mostInline : Math.min(MaxConcurrency, mostInline));
    const stop = new AbortController();
    const isStopped = (): boolean => stop.signal.aborted || signal.aborted;
    let last = started;
    const iterate = async (itemInput: unknown, index: number): Promise<unknown> => {
      if (isStopped()) return undefined;
      const details = { name, index };
      const first = history.add(started, 'MapIterationStarted', {
        mapIterationStartedEventDetails: details,
      });
      const states = new States(
        state.ItemProcessor,
        {
          ...this.surroundings,
          signal: AbortSignal.any([signal, stop.signal]),
          context: this.#contextOf(index, items[index]),
        },
        first,
      );
      try {
        const output = await states.run(itemInput);
        last = history.add(states.lastEvent, 'MapIterationSucceeded', {
          mapIterationSucceededEventDetails: details,
        });
        return output;
      } catch (error) {
        // The first to fail ends the others, whose end is no failure of theirs.
        if (!isStopped()) {
          this.#last = history.add(states.lastEvent, 'MapIterationFailed', {
            mapIterationFailedEventDetails: details,
          });
          stop.abort();
        }
        throw error;
      }
    };
    try {
      const outputs = await Promise.all(
        inputs.map((itemInput, index) => limit(() => iterate(itemInput, index))),
      );
      this.#last = history.add(last, 'MapStateSucceeded');
      return outputs;
    } catch (error) {
      stop.abort();
      this.#last = history.add(this.#last, 'MapStateFailed');
      throw error;
    }
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
  readonly state?: {
    readonly name: string;
    readonly type: string;
    readonly input: unknown;
    readonly output?: unknown;
  };
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
