import type { Definition, State } from './definition.js';
import type { HistoryWriter } from './history.js';
import type { InterpreterEvent, InterpreterState } from './load-interpreter.js';
import type { Progress } from './progress.js';
import { assertPayload } from './state-error.js';
import { TaskEvents } from './task-events.js';

/** A run of states as it writes to the history, and how far it has come. */
export class StatesLog {
  /** The latest event on record. */
  last: number;
  /** The interpreter tells of a state later than it runs it: a task waits until its state is on record. */
  #entered = gate();
  /** The attempt of a task that counts: an earlier one that timed out finishes in vain. */
  #attempt = 0;

  constructor(
    private readonly definition: Definition,
    private readonly history: HistoryWriter,
    private readonly progress: Progress,
    private readonly region: string,
    /** Told of each wait that is over, as long as it is on AWS, in milliseconds. */
    private readonly onWaited: (ms: number) => void,
    previousEvent: number,
  ) {
    this.last = previousEvent;
  }

  add(type: string, details?: Readonly<Record<string, object>>): void {
    this.last = this.history.add(this.last, type, details);
  }

  /** Resolves when the state that a task is of is on record, or never will be. */
  async taskEntered(): Promise<void> {
    await this.#entered.wait;
  }

  /** Begins an attempt of a task. @returns whether it still counts */
  beginAttempt(): () => boolean {
    this.#entered = gate();
    this.#attempt += 1;
    const attempt = this.#attempt;
    return () => attempt === this.#attempt;
  }

  /** Says that no event will come any more: whatever waits for one finds out that it is in vain. */
  close(): void {
    this.#entered.open();
  }

  /**
   * Records what the interpreter tells.
   * @throws StateError when a limit is passed that the interpreter knows nothing of
   */
  async follow(events: AsyncIterable<InterpreterEvent>): Promise<void> {
    let isOnRecord = this.progress.current !== undefined;
    let left: InterpreterState | undefined;
    for await (const { type, state, Error: error } of events) {
      if (state === undefined || !this.history.isOpen) continue;
      const definition = this.definition.States[state.name];
      if (definition === undefined) continue;
      if (type === 'StateEntered') {
        // At once, so that whatever ends the attempt finds it in a state.
        if (left !== undefined) this.#leave(left);
        left = undefined;
        if (!isOnRecord) this.#enter(state);
        isOnRecord = false;
        if (isTask(definition)) this.#entered.open();
      } else if (type === 'StateExited') {
        left = state;
      } else if (type === 'StateFailed' && error === 'States.Timeout') {
        this.#timeOut(definition);
      } else if (type === 'StateRetried') {
        this.history.countRetry();
        this.#entered.open();
      }
    }
    if (left === undefined || !this.history.isOpen) return;
    this.#leave(left);
    this.progress.end = { output: left.output };
  }

  #enter({ name, input }: InterpreterState): void {
    this.add(`${this.#typeOf(name)}StateEntered`, {
      stateEnteredEventDetails: { name, input: this.history.payload(input) },
    });
    this.progress.current = { name, input };
  }

  #leave({ name, output }: InterpreterState): void {
    const state = this.definition.States[name];
    if (state?.Type === 'Wait') this.onWaited(Number(state.Seconds) * 1000);
    const text = this.history.payload(output);
    assertPayload(text, name);
    this.add(`${this.#typeOf(name)}StateExited`, {
      stateExitedEventDetails: { name, output: text },
    });
  }

  #timeOut(state: State): void {
    if (state.Type !== 'Task') return;
    this.#attempt += 1;
    this.add(...new TaskEvents(state, this.region).timedOut());
  }

  #typeOf(name: string): string | undefined {
    return this.definition.States[name]?.Type;
  }
}

/** True when a state is run around the interpreter, as the handler of a task. */
export function isTask({ Type }: State): boolean {
  return Type === 'Task' || Type === 'Map';
}

interface Gate {
  readonly wait: Promise<void>;
  readonly open: () => void;
}

function gate(): Gate {
  let open!: () => void;
  const wait = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { wait, open };
}
