import type { Ahead } from './ahead.js';
import type { Definition, MapState, State } from './definition.js';
import type { HistoryWriter } from './history.js';
import { runInline, type Iteration } from './inline-map.js';
import { continuedAt, toInterpreted } from './interpreted-definition.js';
import { contextOfItem, inputsOf } from './item-inputs.js';
import { causeOf, loadInterpreter, type InterpreterEvent } from './load-interpreter.js';
import type { MapRunEnd } from './map-run.js';
import type { MapProgress, Progress } from './progress.js';
import { assertPayload, StateError, type Task } from './state-error.js';
import { isTask, StatesLog } from './states-log.js';
import { TaskEvents, type Told } from './task-events.js';

/** The part of its execution that a run of states needs to know. */
export interface Surroundings {
  readonly history: HistoryWriter;
  readonly timeScale: number;
  readonly region: string;
  readonly ahead: Ahead;
  readonly signal: AbortSignal;
  /** The context object, `$$`. */
  readonly context: Readonly<Record<string, unknown>>;
  /** Calls a function: the task's `Resource` and what the state gives to it. */
  readonly invoke: Task;
  /** Runs the items of a Distributed Map as executions of their own. */
  readonly runChildren: (map: MapItems, signal: AbortSignal) => Promise<MapRunEnd>;
}

/** A Map’s items, each as it is given to its child or iteration. */
export interface MapItems {
  readonly name: string;
  readonly state: MapState;
  readonly inputs: readonly unknown[];
  readonly previousEvent: number;
  readonly progress: MapProgress;
}

/** Runs a definition's states to their end, and records their events. */
export class States implements Iteration {
  readonly #log: StatesLog;
  /** The state of a Map that a redrive goes on with; a retry keeps nothing. */
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
    const { history, region, timeScale, ahead } = surroundings;
    const onWaited = (ms: number): void => ahead.add(ms - ms / timeScale);
    this.#log = new StatesLog(definition, history, progress, region, onWaited, previousEvent);
    this.#keptMap = progress.current?.map;
    this.#signal = AbortSignal.any([surroundings.signal, this.#stop.signal]);
  }

  /** The latest event on record. */
  get lastEvent(): number {
    return this.#log.last;
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
      .filter(([, state]) => isTask(state))
      .map(([name, state]) => [name, (given: unknown) => this.#task(name, state, given)]);
    const running = machine.run(input as never, {
      overrides: { taskResourceLocalHandlers: Object.fromEntries(handlers) as never },
      context,
    });
    const abort = (): void => {
      running.abort();
      this.#log.close();
    };
    this.#signal.addEventListener('abort', abort, { once: true });
    if (this.#signal.aborted) abort();
    let refused: unknown;
    const told = this.#log
      .follow(running.eventLogs as AsyncIterable<InterpreterEvent>)
      .catch((error: unknown) => {
        refused = error;
        this.#stop.abort();
      });
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

  async #task(name: string, state: State, given: unknown): Promise<unknown> {
    await this.#log.taskEntered();
    this.#assertGoingOn();
    const counts = this.#log.beginAttempt();
    const result =
      state.Type === 'Map'
        ? await this.#map(name, state as MapState, given as MapInput)
        : await this.#invoke(name, state, given, counts);
    assertPayload(JSON.stringify(result ?? null), name);
    return result;
  }

  async #invoke(
    name: string,
    state: State,
    given: unknown,
    counts: () => boolean,
  ): Promise<unknown> {
    const { history, invoke, region } = this.surroundings;
    const events = new TaskEvents(state, region);
    const payload = history.payload(given);
    assertPayload(payload, name);
    this.#log.add(...events.scheduled(payload));
    this.#log.add(...events.started());
    const tell = (told: Told): void => {
      if (counts() && !this.#signal.aborted) this.#log.add(...told);
    };
    try {
      const result = await invoke(String(state.Resource), given, {
        timeoutMs: Number(state.TimeoutSeconds ?? Infinity) * 1000,
        onRemoved: (ms) => this.surroundings.ahead.add(ms),
      });
      tell(events.succeeded(history.payload(result)));
      return result;
    } catch (thrown) {
      const { name: error, message: cause } = thrown as Error;
      // Of a time-out, the interpreter tells itself.
      if (error !== 'States.Timeout') tell(events.failed(error, cause));
      throw thrown;
    }
  }

  async #map(name: string, state: MapState, { items, input }: MapInput): Promise<unknown> {
    if (!Array.isArray(items)) {
      throw new StateError('States.Runtime', `the items of ${name} are no array`);
    }
    const inputs = await inputsOf(state, items, input, this.surroundings.context);
    this.#assertGoingOn();
    const progress = this.#keptMap ?? { iterations: [] };
    if (this.#keptMap === undefined) {
      this.#log.add('MapStateStarted', { mapStateStartedEventDetails: { length: inputs.length } });
      if (this.progress.current !== undefined) this.progress.current.map = progress;
    }
    this.#keptMap = undefined;
    const map = { name, state, inputs, previousEvent: this.#log.last, progress };
    const { outputs, lastEvent, failure } = await (state.ItemProcessor.ProcessorConfig?.Mode ===
    'DISTRIBUTED'
      ? this.surroundings.runChildren(map, this.#signal)
      : this.#iterate(map, items));
    this.#log.last = lastEvent;
    this.#log.add(failure === undefined ? 'MapStateSucceeded' : 'MapStateFailed');
    if (failure !== undefined) throw failure;
    return outputs;
  }

  #iterate({ state, ...map }: MapItems, items: readonly unknown[]): Promise<MapRunEnd> {
    const { surroundings } = this;
    const { MaxConcurrency: maxConcurrency = 0, ItemProcessor } = state;
    return runInline(
      {
        ...map,
        maxConcurrency,
        history: surroundings.history,
        ahead: surroundings.ahead,
        newIteration: (index, previousEvent, progress, signal, ahead) => {
          const context = contextOfItem(surroundings.context, index, items[index]);
          const own = { ...surroundings, signal, context, ahead };
          return new States(ItemProcessor, own, previousEvent, progress);
        },
      },
      this.#signal,
    );
  }

  #assertGoingOn(): void {
    if (this.#signal.aborted) throw new StateError('States.Runtime', 'aborted');
  }
}

interface MapInput {
  readonly items: unknown;
  readonly input: unknown;
}
