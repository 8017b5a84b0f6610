/** Numbers of which the least is at hand: a binary heap. */
export class Moments {
  readonly #heap: number[] = [];

  add(moment: number): void {
    const heap = this.#heap;
    let place = heap.push(moment) - 1;
    for (
      let parent = (place - 1) >> 1;
      place > 0 && heap[parent]! > moment;
      parent = (place - 1) >> 1
    ) {
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = moment;
  }

  get count(): number {
    return this.#heap.length;
  }

  replaceBy(moments: Iterable<number>): void {
    this.#heap.length = 0;
    for (const moment of moments) this.add(moment);
  }

  /** Undefined when there is none. */
  get earliest(): number | undefined {
    return this.#heap[0];
  }

  removeEarliest(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      const right = left + 1;
      const child = right < heap.length && heap[right]! < heap[left]! ? right : left;
      if (child >= heap.length || heap[child]! >= last) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = last;
  }
}
