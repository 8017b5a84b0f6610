import type { RunId, Stores, ValueStore, IterationId } from '@stepcompute/core';
import type { ValueColumns } from '@stepcompute/core/adapters';

/** In bytes: ten million values of one measure. */
const mostBytes = 2 ** 27;

/**
 * A run's values, for who scans them several times: they are read once and held, the first 128 MiB of them.
 * Those beyond are read anew by each scan.
 */
export class HeldValues implements Pick<ValueStore, 'scan'> {
  readonly #held: ValueColumns[] = [];
  #bytes = 0;
  /** The first iteration that is not held. */
  #next = 0;
  #state: 'holding' | 'full' | 'complete' = 'holding';

  constructor(
    private readonly values: Pick<Stores['values'], 'scan'>,
    private readonly capacity = mostBytes,
  ) {}

  async *scan(id: RunId): AsyncGenerator<ValueColumns, void> {
    yield* this.#held;
    if (this.#state === 'complete') return;
    for await (const columns of this.values.scan(id, this.#next as IterationId)) {
      this.#hold(columns);
      yield columns;
    }
    if (this.#state === 'holding') this.#state = 'complete';
  }

  #hold(columns: ValueColumns): void {
    if (this.#state !== 'holding') return;
    const { iterationIds, values, more = [] } = columns;
    const bytes = iterationIds.byteLength + values.byteLength * (1 + more.length);
    if (this.#bytes + bytes > this.capacity) {
      this.#state = 'full';
      return;
    }
    this.#bytes += bytes;
    this.#held.push(columns);
    this.#next = (iterationIds.at(-1) ?? this.#next - 1) + 1;
  }
}
