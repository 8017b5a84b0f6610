import pLimit from 'p-limit';
import { Places, type Ahead } from './ahead.js';
import type { HistoryWriter } from './history.js';
import { assertPayload, StateError } from './state-error.js';

/** `PENDING_REDRIVE` is for children alone, whose Map Run will come to them. */
export type ExecutionStatus =
  'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED' | 'PENDING_REDRIVE';

/** The part of its child executions that a Map Run needs. */
export interface Child {
  readonly arn: string;
  readonly status: ExecutionStatus;
  /** JSON. */
  readonly output: string | undefined;
  readonly ended: Promise<void>;
  /** Why it can't be redriven; undefined when it can. */
  readonly notRedrivable: string | undefined;
  readonly stop: () => void;
  readonly awaitRedrive: () => void;
  readonly redrive: (ahead: Ahead) => void;
}

export interface MapRunProps {
  readonly arn: string;
  readonly executionArn: string;
  /** Of the Map state, for its errors. */
  readonly name: string;
  readonly maxConcurrency: number;
  /** The children's inputs, one each. */
  readonly inputs: readonly unknown[];
  readonly startChild: (mapRun: MapRun, input: unknown, ahead: Ahead) => Child;
}

export interface MapRunEnd {
  readonly outputs: readonly unknown[];
  readonly lastEvent: number;
  readonly failure: Error | undefined;
}

/** How many children run at a time unless the Map says otherwise; AWS allows 10,000. */
const defaultChildren = 1_000;

/** A Distributed Map's work within its execution: each item in a child, an execution of its own. */
export class MapRun {
  readonly maxConcurrency: number;
  readonly startDate = Date.now() / 1000;
  stopDate: number | undefined;
  redriveDate: number | undefined;
  redriveCount = 0;
  status: ExecutionStatus = 'RUNNING';
  /** In the order of their items. */
  readonly children: Child[] = [];

  constructor(private readonly props: MapRunProps) {
    // 0 is AWS’s word for no limit of one's own.
    this.maxConcurrency = props.maxConcurrency === 0 ? defaultChildren : props.maxConcurrency;
  }

  get arn(): string {
    return this.props.arn;
  }

  get executionArn(): string {
    return this.props.executionArn;
  }

  /** How many children there are to be. */
  get total(): number {
    return this.props.inputs.length;
  }

  /**
   * Runs the children; the first to fail ends the others.
   * @param signal that whatever the Map Run belongs to has ended
   */
  run(
    history: HistoryWriter,
    previousEvent: number,
    signal: AbortSignal,
    ahead: Ahead,
  ): Promise<MapRunEnd> {
    const lastEvent = history.add(previousEvent, 'MapRunStarted', {
      mapRunStartedEventDetails: { mapRunArn: this.arn },
    });
    return this.#runChildren(history, lastEvent, signal, ahead);
  }

  /** Runs the children that have not succeeded, each from where it ended, and those that are new. */
  redrive(
    history: HistoryWriter,
    previousEvent: number,
    signal: AbortSignal,
    ahead: Ahead,
  ): Promise<MapRunEnd> {
    this.status = 'RUNNING';
    this.stopDate = undefined;
    this.redriveDate = Date.now() / 1000;
    this.redriveCount += 1;
    const { arn: mapRunArn, redriveCount } = this;
    const lastEvent = history.add(previousEvent, 'MapRunRedriven', {
      mapRunRedrivenEventDetails: { mapRunArn, redriveCount },
    });
    for (const child of this.children) child.awaitRedrive();
    return this.#runChildren(history, lastEvent, signal, ahead);
  }

  async #runChildren(
    history: HistoryWriter,
    previousEvent: number,
    signal: AbortSignal,
    ahead: Ahead,
  ): Promise<MapRunEnd> {
    const { name, inputs, startChild } = this.props;
    let lastEvent = previousEvent;
    const over = new AbortController();
    const isOver = (): boolean => over.signal.aborted;
    const finish = (status: ExecutionStatus): void => {
      if (isOver()) return;
      over.abort();
      this.status = status;
      this.stopDate = Date.now() / 1000;
      for (const child of this.children) child.stop();
    };
    const abort = (): void => finish('ABORTED');
    signal.addEventListener('abort', abort, { once: true });
    const limit = pLimit(this.maxConcurrency);
    const places = new Places(ahead, this.maxConcurrency);
    const runChild = async (input: unknown, index: number, branch: Ahead): Promise<unknown> => {
      if (isOver()) return undefined;
      const child = (this.children[index] ??= startChild(this, input, branch));
      if (child.status === 'PENDING_REDRIVE') child.redrive(branch);
      await child.ended;
      if (child.status !== 'SUCCEEDED') finish('FAILED');
      return JSON.parse(child.output ?? 'null') as unknown;
    };
    const ends = inputs.map((input, index) =>
      limit(() => places.run((branch) => runChild(input, index, branch))),
    );
    try {
      const outputs = await Promise.all(ends);
      places.join();
      // AWS gathers them even where the state discards them.
      if (!isOver()) assertPayload(history.payload(outputs), name);
      finish('SUCCEEDED');
      if (this.status !== 'SUCCEEDED') throw toleratedFailureThreshold();
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
}

function toleratedFailureThreshold(): StateError {
  return new StateError(
    'States.ExceedToleratedFailureThreshold',
    'The specified tolerated failure threshold was exceeded',
  );
}
