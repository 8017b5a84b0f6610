import { RunId, type Stores } from '@stepcompute/core';
import type { ValueColumns } from '@stepcompute/core/adapters';
import { showReading } from '../src/reading.js';
import type { Terminal } from '../src/terminal.js';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const id = RunId.parse(1);

/** Stores that take half a second for each batch of values. */
function slowStores(batches: number, size: number): Pick<Stores, 'values'> {
  async function* scan(): AsyncGenerator<ValueColumns, void> {
    for (let batch = 0; batch < batches; batch += 1) {
      await jest.advanceTimersByTimeAsync(500);
      yield { iterationIds: new Int32Array(size), values: new Float64Array(size) };
    }
  }
  return { values: { scan } as unknown as Stores['values'] };
}

async function lines(
  batches: number,
  total: number | undefined,
  size = 100_000,
): Promise<readonly string[]> {
  const drawn: string[] = [];
  const terminal = {
    isQuiet: false,
    errorScreen: { isLive: true, columns: 80, hasUnicode: false },
    draw: (line: string) => void drawn.push(line),
  } as unknown as Terminal;
  const read = await showReading(slowStores(batches, size), terminal, total, async ({ values }) => {
    let count = 0;
    for await (const { iterationIds } of values.scan(id)) count += iterationIds.length;
    return count;
  });
  expect(read).toBe(size * batches);
  return drawn;
}

it('is not shown of what is over soon', async () => {
  expect(await lines(1, 100_000)).toEqual(['']);
});

it('is not shown of few values, however long they take', async () => {
  expect(await lines(20, 2000, 100)).toEqual(['']);
});

it('is shown with its rate and the time that is left, and taken away at the end', async () => {
  expect(await lines(4, 400_000)).toEqual([
    '########-------- 50% · reading · 200,000 of 400,000 · 1s left · 200,000/s',
    '############---- 75% · reading · 300,000 of 400,000 · 500ms left · 200,000/s',
    '################ 100% · reading · 400,000 of 400,000 · 200,000/s',
    '',
  ]);
});

it('has no share where nobody knows how many values will be read, or they were more', async () => {
  expect(await lines(3, undefined)).toEqual([
    'reading · 200,000 · time left unknown · 200,000/s',
    'reading · 300,000 · time left unknown · 200,000/s',
    '',
  ]);
  expect((await lines(3, 200_000)).at(-2)).toBe(
    'reading · 300,000 · time left unknown · 200,000/s',
  );
});

it('is taken away when reading fails', async () => {
  const draw = jest.fn();
  const terminal = { isQuiet: false, errorScreen: { isLive: true }, draw } as unknown as Terminal;
  const failing = showReading(slowStores(0, 0), terminal, 1, () =>
    Promise.reject(new Error('no database')),
  );
  await expect(failing).rejects.toThrow('no database');
  expect(draw).toHaveBeenCalledWith('');
});
