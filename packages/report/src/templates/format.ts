import { html, type Html } from './html.js';

/** Seven significant digits to look at, and the whole number behind them where it has more. */
export function figure(value: number | null | undefined): Html {
  if (value === null || value === undefined) return html`–`;
  const text = String(Number(value.toPrecision(7)));
  return text === String(value) ? html`${text}` : html`<data value="${value}">${text}</data>`;
}

export function interval(ends: readonly [number, number] | null | undefined): Html {
  if (ends === null || ends === undefined) return html`–`;
  return html`${figure(ends[0])} to ${figure(ends[1])}`;
}

export function count(value: number): Html {
  const text = value.toLocaleString('en-US');
  return value < 1000 ? html`${text}` : html`<data value="${value}">${text}</data>`;
}

/** A count with its noun: 1 value, 2,000 values. */
export function counted(value: number, noun: string): string {
  return `${value.toLocaleString('en-US')} ${noun}${value === 1 ? '' : 's'}`;
}

/** Five significant digits, for sentences. */
export function short(value: number): string {
  return String(Number(value.toPrecision(5)));
}

export function share(part: number): string {
  return `${Number((100 * part).toPrecision(4))} %`;
}

/** The number as an axis has it. */
export function tickText(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e7 || size < 1e-4)) {
    return Number(value.toPrecision(6)).toExponential().replace('e+', 'e');
  }
  return String(Number(value.toPrecision(9)));
}

/** A count as an axis has it: 2k, 10M. */
export function countTick(value: number): string {
  if (!Number.isInteger(value)) return '';
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (value >= size) return `${Number((value / size).toPrecision(4))}${unit}`;
  }
  return String(value);
}

/** @param length in characters, as a plot has room for */
export function cut(text: string, length: number): string {
  const characters = Array.from(text);
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}
