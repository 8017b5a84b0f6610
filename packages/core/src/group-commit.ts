import type { Clock } from './clock.js';

/** How long generation may keep the process from its other work, in milliseconds. */
const longestTurnMs = 10;

/**
 * Gathers what iterations have come to, and writes it in one statement. While one batch is being
 * written the next one gathers, so batches grow with the store's latency and a lone one is written at
 * once: no timer, no minimum. A slow store holds its producers back, so memory stays bounded.
 */
export class GroupCommit<T> {
  #gathered: T[] = [];
  /** How many of those gathered have gone to a batch; the rest moves up when it is the lesser half. */
  #taken = 0;
  #writing: Promise<void> | undefined;
  #failed = false;
  #room: { readonly made: Promise<void>; readonly open: () => void } | undefined;
  #turn: Promise<void> | undefined;
  #turnStart: number;

  /**
   * @param write makes a batch durable; never called while an earlier call is pending
   * @param onFailure told once if a write rejects; what was gathered by then is dropped
   * @param largestBatch the most that one write gets
   */
  constructor(
    private readonly write: (batch: readonly T[]) => Promise<void>,
    private readonly onFailure: (error: unknown) => void,
    private readonly clock: Clock,
    private readonly largestBatch = 1000,
  ) {
    this.#turnStart = clock.now();
  }

  /** Accepts an item. When a promise comes back, its giver waits for it before generating the next. */
  add(item: T): Promise<void> | undefined {
    if (this.#failed) return undefined;
    this.#gathered.push(item);
    this.#writing ??= this.#writeAll();
    if (this.#waiting >= this.largestBatch) return this.#waitForRoom();
    if (this.clock.now() - this.#turnStart >= longestTurnMs) return this.#takeTurn();
    return undefined;
  }

  /** Resolves when everything accepted is durable, or a write has failed. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#waiting > 0) {
        await this.#takeTurn();
        const batch = this.#nextBatch();
        if (this.#waiting < this.largestBatch) this.#openRoom();
        await this.write(batch);
      }
    } catch (error) {
      this.#failed = true;
      this.#gathered = [];
      this.#taken = 0;
      this.onFailure(error);
    } finally {
      this.#writing = undefined;
      this.#openRoom();
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

  #waitForRoom(): Promise<void> {
    if (this.#room === undefined) {
      let open!: () => void;
      const made = new Promise<void>((resolve) => {
        open = resolve;
      });
      this.#room = { made, open };
    }
    return this.#room.made;
  }

  #openRoom(): void {
    this.#room?.open();
    this.#room = undefined;
  }
}
