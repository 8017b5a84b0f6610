import { createHash } from 'node:crypto';
import { Html, html, type Content } from './html.js';
import { style } from './style.js';

const hash = createHash('sha256').update(style).digest('base64');

// By its digest it is let in: not a space may be added to it.
const styled = new Html(`<style>${style}</style>`);

/** Nothing is loaded and nothing is run, whatever a text on the page may say. */
const policy = `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`;

/** A whole page, of one file. */
export function page(title: string, content: Content): string {
  const { text } = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="referrer" content="no-referrer" />
        <title>${title}</title>
        <link rel="icon" href="data:," />
        ${styled}
      </head>
      <body>
        <main>${content}</main>
      </body>
    </html> `;
  return text;
}
