/** Text that is HTML already. */
export class Html {
  constructor(readonly text: string) {}
}

/** The contents of a template: a text is escaped, a missing one leaves nothing, a list is one after the other. */
export type Content = Html | string | number | false | undefined | readonly Content[];

/**
 * A piece of a page. Every text in it is escaped, for elements and for quoted attributes alike, so that none
 * from outside is ever markup. The template's own indentation is left out.
 */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Html {
  const pieces = parts.map(
    (part, place) => part.replaceAll(/\s*\n\s*/g, '\n') + textOf(contents[place]),
  );
  return new Html(pieces.join(''));
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function textOf(content: Content): string {
  if (content === undefined || content === false) return '';
  if (content instanceof Html) return content.text;
  if (typeof content === 'object') return content.map(textOf).join('');
  return String(content).replaceAll(/[&<>"']/g, (character) => entities[character]!);
}
