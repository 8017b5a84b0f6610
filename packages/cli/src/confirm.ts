import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** True where a question can be asked, and answered. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** Asks on the terminal: true when the answer is y or yes. No answer is no. */
export async function confirm(
  question: string,
  input: NodeJS.ReadableStream = process.stdin,
  output: NodeJS.WritableStream = process.stderr,
): Promise<boolean> {
  output.write(`${question} [y/N] `);
  // The terminal edits the line by itself, and Ctrl-C interrupts as ever.
  const lines = createInterface({ input, terminal: false });
  try {
    const [answer] = (await Promise.race([once(lines, 'line'), once(lines, 'close')])) as string[];
    if (answer === undefined) output.write('\n');
    return /^\s*y(es)?\s*$/i.test(answer ?? '');
  } finally {
    lines.close();
  }
}
