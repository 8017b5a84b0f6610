import { significantDigits } from '@stepcompute/core/adapters';
import { html, type Html } from './html.js';

/**
 * A number with the whole of it behind where it has more digits than are shown.
 * @param scale of differences that are to be seen, such as a mean's standard error
 */
export function figure(value: number | null | undefined, scale?: number | null): Html {
  if (value === null || value === undefined) return html`–`;
  const text = rounded(value, scale, 7);
  return text === String(value) ? html`${text}` : html`<data value="${value}">${text}</data>`;
}

export function interval(ends: readonly [number, number] | null | undefined): Html {
  if (ends === null || ends === undefined) return html`–`;
  const [lower, upper] = ends;
  return html`${figure(lower, upper - lower)} to ${figure(upper, upper - lower)}`;
}

export function count(value: number): Html {
  const text = value.toLocaleString('en-US');
  return value < 1000 ? html`${text}` : html`<data value="${value}">${text}</data>`;
}

/** A count with its noun: 1 value, 2,000 values. */
export function counted(value: number, noun: string): string {
  return `${value.toLocaleString('en-US')} ${noun}${value === 1 ? '' : 's'}`;
}

/** For sentences. */
export function short(value: number, scale?: number | null): string {
  return rounded(value, scale, 5);
}

/** At least so many digits, and all of a whole number. */
function rounded(value: number, scale: number | null | undefined, digits: number): string {
  if (Number.isSafeInteger(value)) return String(value);
  return String(Number(value.toPrecision(significantDigits(value, scale ?? null, digits))));
}

export function share(part: number): string {
  return `${Number((100 * part).toPrecision(4))} %`;
}

/** The number as an axis has it, told apart from its neighbours among the ticks. */
export function tickText(value: number, _?: number, ticks: readonly number[] = []): string {
  const [first = 0, second = first] = ticks;
  const size = Math.abs(value);
  const isLong = size !== 0 && (size >= 1e15 || size < 1e-6);
  const digits = significantDigits(value, Math.abs(second - first), isLong ? 6 : 9);
  const number = Number(value.toPrecision(digits));
  return isLong ? number.toExponential().replace('e+', 'e') : String(number);
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

/** @param length in characters */
export function cut(text: string, length: number): string {
  const characters = Array.from(text);
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}

/** Cut in the middle: names that begin alike often end in what tells them apart. */
export function cutMiddle(text: string, length: number): string {
  const characters = Array.from(text);
  if (characters.length <= length) return text;
  const end = Math.floor((length - 1) / 2);
  const begin = length - 1 - end;
  return `${characters.slice(0, begin).join('')}…${characters.slice(-end).join('')}`;
}

/** How wide a text is about, in font sizes: an interface's usual font differs by a few percent. */
export function widthOf(text: string): number {
  return Array.from(text).reduce((sum, character) => sum + characterWidth(character), 0);
}

function characterWidth(character: string): number {
  // East Asia's, and pictures.
  if (character >= '\u1100' || /[MW@%—…]/.test(character)) return 1;
  return /[\p{Lu}mw]/u.test(character) ? 0.8 : 0.62;
}

const rightToLeft =
  /[\p{Bidi_Control}\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

/** A text from outside within another, which it doesn't turn around where it is written from right to left. */
export function isolated(text: string): string {
  return rightToLeft.test(text) ? `\u2068${text}\u2069` : text;
}
