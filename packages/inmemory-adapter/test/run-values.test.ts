import fc from 'fast-check';
import { RunValues } from '../src/run-values.js';

/** Values are kept in pieces of so many; places next to where one ends and another begins. */
const pieceLength = 65_536;
const place = fc.oneof(
  fc.nat(300),
  fc.integer({ min: pieceLength - 3, max: pieceLength + 3 }),
  fc.integer({ min: 3 * pieceLength - 3, max: 3 * pieceLength + 300 }),
);

it('the parts of a run with values, and those without, are maximal and make up what was asked for', () => {
  fc.assert(
    fc.property(fc.array(place), place, place, (kept, one, other) => {
      const values = new RunValues();
      for (const iteration of kept) values.keep(iteration, 1);
      const first = Math.min(one, other);
      const end = Math.max(one, other);
      const present = [...values.parts(first, end, true)];
      const absent = [...values.parts(first, end, false)];
      const parts = [...present, ...absent].sort((a, b) => a.first - b.first);
      let from = first;
      parts.forEach((part, index) => {
        expect(part.first).toBe(from);
        const before = parts[index - 1];
        if (before !== undefined) expect(present.includes(part)).not.toBe(present.includes(before));
        from += part.count;
      });
      expect(from).toBe(end);
      for (const { first: start, count } of present) {
        for (let id: number = start; id < start + count; id += 1) expect(kept).toContain(id);
      }
      const within = new Set(kept.filter((id) => id >= first && id < end));
      expect(present.reduce((total, { count }) => total + count, 0)).toBe(within.size);
    }),
    { numRuns: 100, seed: 1 },
  );
});
