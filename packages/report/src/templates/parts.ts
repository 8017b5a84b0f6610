import { html, type Content, type Html } from './html.js';

/** A heading one level below another. */
export type Level = 1 | 2 | 3 | 4;

export function heading(level: Level, content: Content, id?: string): Html {
  const named = id !== undefined && html` id="${id}"`;
  switch (level) {
    case 1:
      return html`<h1${named}>${content}</h1>\n`;
    case 2:
      return html`<h2${named}>${content}</h2>\n`;
    case 3:
      return html`<h3${named}>${content}</h3>\n`;
    case 4:
      return html`<h4${named}>${content}</h4>\n`;
  }
}

export interface Column {
  readonly label: string;
  readonly isText?: boolean;
}

/** A column of numbers. */
export const number = (label: string): Column => ({ label });
/** A column of texts. */
export const text = (label: string): Column => ({ label, isText: true });

/**
 * A table that scrolls by itself where it is wider than the page.
 * @param name what it is of, for who does not see it
 * @param rows the first of each names the row
 */
export function table(
  name: string,
  columns: readonly Column[],
  rows: readonly (readonly Content[])[],
): Html {
  const classOf = (place: number): Content =>
    columns[place]?.isText === true && html` class="text"`;
  return html`<div class="scroll" role="group" tabindex="0" aria-label="${name}">
    <table>
      <thead>
        <tr>
          ${columns.map(({ label }, place) => html`<th scope="col" ${classOf(place)}>${label}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ([first, ...others]) =>
            html`<tr>
              <th scope="row" ${classOf(0)}>${first}</th>
              ${others.map((each, place) => html`<td${classOf(place + 1)}>${each}</td>`)}
            </tr> `,
        )}
      </tbody>
    </table>
  </div> `;
}

/** Names with what they stand for, a row each. */
export function facts(name: string, rows: readonly (readonly [string, Content])[]): Html {
  return html`<div class="scroll" role="group" tabindex="0" aria-label="${name}">
    <table class="facts">
      <tbody>
        ${rows.map(
          ([label, content]) =>
            html`<tr>
              <th scope="row">${label}</th>
              <td class="text">${content}</td>
            </tr> `,
        )}
      </tbody>
    </table>
  </div> `;
}

/** A plot, what it shows in words, and the table behind it. */
export function figureOf(caption: string, plot: Content, description: string, rows: Html): Html {
  return html`<figure>
    <figcaption>${caption}</figcaption>
    ${plot}
    <p>${description}</p>
    <details>
      <summary>The numbers: ${caption}</summary>
      ${rows}
    </details>
  </figure> `;
}

/** A command to be typed. */
export function command(words: string, place: string | undefined): Html {
  const text = ['stepcompute', words, ...(place === undefined || place === '' ? [] : [place])];
  return html`<code class="command">${text.join(' ')}</code>`;
}
