/** The parts of a bar: whole columns, and before its end a part of one. The last is a whole one. */
const parts = { unicode: '▏▎▍▌▋▊▉█', ascii: ':#' } as const;

/** A bar as long as its share of the room; a share that is not 0 has one. */
export function barOf(share: number, room: number, hasUnicode: boolean): string {
  if (!(share > 0)) return '';
  const glyphs = hasUnicode ? parts.unicode : parts.ascii;
  const units = Math.max(1, Math.round(share * room * glyphs.length));
  const whole = Math.floor(units / glyphs.length);
  return glyphs.at(-1)!.repeat(whole) + (glyphs[(units % glyphs.length) - 1] ?? '');
}
