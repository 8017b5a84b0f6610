import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';

const { STEPCOMPUTE_TEST_CHROMIUM: program } = process.env;

/** `describe` where Chromium is installed, `describe.skip` where it is not. */
export const describeInChromium = program === undefined ? describe.skip : describe;

/** Starts a headless Chromium that asks nothing of the network by itself. */
export async function startChromium(): Promise<Browser> {
  if (program === undefined) throw new Error('there is no Chromium to start');
  return chromium.launch({
    executablePath: program,
    args: [
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // Its sandbox has no use of root.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    ],
  });
}

/** A page that was opened, and what it did beside being shown. */
export interface Visit {
  readonly page: Page;
  /** The console's lines, errors that nothing caught, and dialogs. */
  readonly complaints: readonly string[];
  /** The addresses it asked for. */
  readonly requests: readonly string[];
}

/** Opens a file, and closes it when the work with it is done. */
export async function visit<T>(
  browser: Browser,
  file: string,
  look: BrowserContextOptions,
  work: (visit: Visit) => Promise<T>,
): Promise<T> {
  const context = await browser.newContext(look);
  try {
    const page = await context.newPage();
    const complaints: string[] = [];
    const requests: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('dialog', (dialog) => {
      complaints.push(dialog.message());
      void dialog.dismiss();
    });
    page.on('request', (request) => requests.push(request.url()));
    await page.goto(`file://${file}`);
    return await work({ page, complaints, requests });
  } finally {
    await context.close();
  }
}

/** A folder for the time of a suite. */
export function scratchFolder(): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'stepcompute-pages-'));
  return { folder, remove: () => rmSync(folder, { recursive: true }) };
}
