import type { Clock } from '../time/clock.js';

/** How long generation may keep the process from its other work, in milliseconds. */
const longestTurnMs = 10;

/**
 * Gathers values, or failures, and writes them in one statement. While one batch is being
 * written the next one gathers, so batches grow with the store's latency and a lone one is written at
 * once: no timer, no minimum. Further writers help out while there is a full batch for them. A slow
 * store holds its producers back, so memory stays bounded.
 */
export class GroupCommit<T> {
  #gathered: T[] = [];
  /** How many of those gathered have gone to a batch; the rest moves up when it is the lesser half. */
  #taken = 0;
  #writers = 0;
  #idle: Deferred | undefined;
  #failed = false;
  /** For what its producers wait. */
  #room: Deferred | undefined;
  #turn: Promise<void> | undefined;
  #turnStart: number;

  /**
   * @param write makes a batch durable
   * @param onFailure told once if a write rejects; what was gathered by then is dropped
   * @param largestBatch the most that one write gets
   * @param mostWriters the most calls of `write` that are pending at a time
   */
  constructor(
    private readonly write: (batch: readonly T[]) => Promise<void>,
    private readonly onFailure: (error: unknown) => void,
    private readonly clock: Clock,
    private readonly largestBatch = 1000,
    private readonly mostWriters = 1,
  ) {
    this.#turnStart = clock.now();
  }

  /** Accepts an item. When a promise comes back, its giver waits for it before generating the next. */
  add(item: T): Promise<void> | undefined {
    if (this.#failed) return undefined;
    this.#gathered.push(item);
    const isFull = this.#waiting >= this.largestBatch;
    if (this.#writers === 0 || (isFull && this.#writers < this.mostWriters)) void this.#writeAll();
    if (this.#waiting >= this.largestBatch) return this.#waitForRoom();
    if (this.clock.now() - this.#turnStart >= longestTurnMs) return this.#takeTurn();
    return undefined;
  }

  /** Resolves when everything accepted is durable, or a write has failed. */
  async flush(): Promise<void> {
    if (this.#writers === 0) return;
    this.#idle ??= new Deferred();
    await this.#idle.promise;
  }

  /** Never rejects. No value can arrive between the last look for one and the writer's end: they are one turn. */
  async #writeAll(): Promise<void> {
    this.#writers += 1;
    try {
      // The last writer takes what there is; others would only make its batches smaller.
      while (this.#waiting >= (this.#writers === 1 ? 1 : this.largestBatch)) {
        await this.#takeTurn();
        const batch = this.#nextBatch();
        if (this.#waiting < this.largestBatch) this.#openRoom();
        if (batch.length > 0) await this.write(batch);
      }
    } catch (error) {
      this.#gathered = [];
      this.#taken = 0;
      if (!this.#failed) this.onFailure(error);
      this.#failed = true;
    }
    this.#writers -= 1;
    this.#openRoom();
    if (this.#writers === 0) {
      this.#idle?.resolve();
      this.#idle = undefined;
    }
  }

  get #waiting(): number {
    return this.#gathered.length - this.#taken;
  }

  #nextBatch(): readonly T[] {
    const end = this.#taken + this.largestBatch;
    const batch = this.#gathered.slice(this.#taken, end);
    this.#taken += batch.length;
    if (this.#waiting <= this.#taken) {
      this.#gathered = this.#gathered.slice(this.#taken);
      this.#taken = 0;
    }
    return batch;
  }

  /** Lets timers, input and output, and every iteration that is ready have their turn. */
  #takeTurn(): Promise<void> {
    this.#turn ??= this.clock.sleep(0).then(() => {
      this.#turn = undefined;
      this.#turnStart = this.clock.now();
    });
    return this.#turn;
  }

  #openRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  #waitForRoom(): Promise<void> {
    this.#room ??= new Deferred();
    return this.#room.promise;
  }
}

class Deferred {
  resolve!: () => void;
  readonly promise = new Promise<void>((resolve) => {
    this.resolve = resolve;
  });
}
