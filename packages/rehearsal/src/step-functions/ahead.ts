/**
 * How far the time of an execution, or of one of its iterations, is ahead of this machine's: by what the
 * time scale has taken off the waits until then. Iterations side by side are each ahead by their own.
 */
export class Ahead {
  /** @param onMore told of each of its branches, too, how far that is ahead */
  constructor(
    public ms = 0,
    private readonly onMore: (ms: number) => void = () => undefined,
  ) {}

  add(ms: number): void {
    this.ms += ms;
    this.onMore(this.ms);
  }

  branch(ms: number): Ahead {
    return new Ahead(ms, this.onMore);
  }
}

/** The places in which a Map's iterations run: one begins when another one's is free. */
export class Places {
  readonly #freed: Ahead[] = [];
  #taken = 0;
  #mostMs: number;

  constructor(
    private readonly whole: Ahead,
    private readonly count: number,
  ) {
    this.#mostMs = whole.ms;
  }

  /** Runs an iteration, which is as far ahead as the one that had its place. */
  async run<T>(iterate: (ahead: Ahead) => Promise<T>): Promise<T> {
    const place = this.#taken;
    this.#taken += 1;
    const before = place < this.count ? this.whole : this.#freed[place - this.count];
    const ahead = this.whole.branch((before ?? this.whole).ms);
    try {
      return await iterate(ahead);
    } finally {
      this.#freed.push(ahead);
      this.#mostMs = Math.max(this.#mostMs, ahead.ms);
    }
  }

  /** Lets the whole be as far ahead as the last to end. */
  join(): void {
    this.whole.ms = this.#mostMs;
  }
}
