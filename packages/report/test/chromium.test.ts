import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { reportOf, averagesByName, quantilesOf, type Stores } from '@stepcompute/core';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import {
  describeInChromium,
  scratchFolder,
  startChromium,
  visit,
  type Visit,
} from '../../../testing/chromium.js';
import { isExhaustive } from '../../../testing/exhaustive.js';
import { experimentReport, runReport } from '../src/index.js';
import { grid, pricing, storesWithExperiment, storesWithRun } from './pages.js';

const axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const evil =
  '</title></svg><script>alert(1)</script><img src="http://example.test/" onerror=alert(1)>';

const pages: Readonly<Record<string, () => Promise<string>>> = {
  'a run': async () =>
    runReport(
      await storesWithRun(({ random }) => 100 + 15 * random.normal(), {
        repetitions: 5000,
        seed: 42,
      }),
      1,
    ),
  'a failed run': async () =>
    runReport(
      await storesWithRun(
        ({ iterationId, random }) => {
          if (iterationId >= 500) throw new RangeError(evil);
          return random.exponential();
        },
        { repetitions: 1000, seed: 42, label: evil, generatorName: evil },
      ),
      1,
    ),
  '64 measures': async () => runReport(await manyMeasures(), 1),
  'an experiment': async () => {
    const { stores, runs } = await storesWithExperiment(pricing, grid([90, 100, 110], [0.1, 0.2]));
    return experimentReport(stores, runs, { control: 'strike=100 volatility=0.2' });
  },
  'an experiment of long names': async () => {
    const measures = ['m'.repeat(63), 'W'.repeat(63)];
    const { stores, runs } = await storesWithExperiment(
      {
        name: 'x'.repeat(200),
        measures,
        generate: ({ random }) =>
          Object.fromEntries(measures.map((name) => [name, random.normal()])),
      },
      [{ name: 'W'.repeat(60) }, { name: '\u6975'.repeat(30) }],
    );
    return experimentReport(stores, runs);
  },
  'an experiment of evil names': async () => {
    const { stores, runs } = await storesWithExperiment(
      pricing,
      [90, 100].map((strike) => ({
        name: evil.slice(0, 80) + String(strike),
        parameters: { strike },
      })),
      evil,
    );
    return experimentReport(stores, runs, { control: runs[0]!.scenario });
  },
};

function manyMeasures(): Promise<Stores> {
  const measures = Array.from({ length: 64 }, (_, place) => `measure_${place}`);
  return storesWithRun(
    {
      name: 'many',
      measures,
      generate: ({ random }) =>
        Object.fromEntries(measures.map((name, place) => [name, place * random.normal()])),
    },
    { repetitions: 300, seed: 3 },
  );
}

interface Look {
  readonly width: number;
  readonly scheme: 'light' | 'dark' | 'print';
}

/** The last is a sheet of A4. */
const looks: readonly Look[] = [
  ...[390, 820, 1280].flatMap((width) => [
    { width, scheme: 'light' as const },
    { width, scheme: 'dark' as const },
  ]),
  { width: 718, scheme: 'print' },
];

/** axe takes its time with a long page: every day, it sees these on a dark screen alone. */
const axeLooks = (name: string): readonly Look[] =>
  name === 'a run' || isExhaustive ? looks : looks.slice(1, 2);

/** Opens a page as it looks there. */
function visitAs<T>(
  browser: Browser,
  file: string,
  { width, scheme }: Look,
  options: BrowserContextOptions,
  work: (visit: Visit) => Promise<T>,
): Promise<T> {
  const colorScheme = scheme === 'dark' ? 'dark' : 'light';
  const look = { viewport: { width, height: 900 }, colorScheme, ...options } as const;
  return visit(browser, file, look, async (visited) => {
    if (scheme === 'print') await visited.page.emulateMedia({ media: 'print' });
    return work(visited);
  });
}

describeInChromium('in Chromium', () => {
  const { folder, remove } = scratchFolder();
  let browser: Browser;

  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(async () => {
    await browser.close();
    remove();
  });

  describe.each(Object.keys(pages))('the page of %s', (name) => {
    const file = join(folder, `${name.replaceAll(' ', '-')}.html`);

    beforeAll(async () => {
      writeFileSync(file, await pages[name]!());
    });

    it.each(looks)(
      'asks for nothing, has nothing to say and keeps within its width: $width px, $scheme',
      async (look) => {
        await visitAs(browser, file, look, {}, async ({ page, complaints, requests }) => {
          const [scrolled, ground] = await page.evaluate<[number, string]>(
            `[document.documentElement.scrollWidth, getComputedStyle(document.body).backgroundColor]`,
          );
          expect(scrolled).toBeLessThanOrEqual(look.width);
          expect(ground).toBe(look.scheme === 'dark' ? 'rgb(13, 17, 23)' : 'rgb(255, 255, 255)');
          expect(complaints).toEqual([]);
          expect(requests).toEqual([`file://${file}`]);
        });
      },
    );

    it.each(axeLooks(name))('leaves axe nothing to find: $width px, $scheme', async (look) => {
      // axe is a script, of which the page lets in none.
      await visitAs(browser, file, look, { bypassCSP: true }, async ({ page }) => {
        await page.evaluate(
          `for (const each of document.querySelectorAll('details')) each.open = true;`,
        );
        await page.evaluate(axeSource);
        const found = await page.evaluate(`axe.run().then(({ violations }) =>
          violations.map(({ id, nodes }) => id + ': ' + nodes[0].html.slice(0, 200)))`);
        expect(found).toEqual([]);
      });
    });

    it('has no element or attribute that could run or load anything', async () => {
      await visit(browser, file, {}, async ({ page }) => {
        const found = await page.evaluate<
          string[]
        >(`[...document.querySelectorAll('*')].flatMap((element) => [
          element.localName,
          ...[...element.attributes].map(({ name }) => '@' + name),
        ])`);
        const names = [...new Set(found)];
        const running = names.filter((each) =>
          /^(script|img|iframe|object|embed|base|form|foreignObject|image|use|animate|set|@on.*|@src.*|@style)$/i.test(
            each,
          ),
        );
        expect(running).toEqual([]);
        expect(await page.locator('a:not([href^="#"])').count()).toBe(0);
        expect(await page.locator('link[href="data:,"]').count()).toBe(
          await page.locator('link').count(),
        );
      });
    });

    it('has its headings in order, one of them the first', async () => {
      await visit(browser, file, {}, async ({ page }) => {
        const levels = await page.evaluate<number[]>(
          `[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(({ localName }) => Number(localName[1]))`,
        );
        expect(levels.filter((level) => level === 1)).toEqual([1]);
        for (const [place, level] of levels.entries()) {
          expect(level).toBeLessThanOrEqual((levels[place - 1] ?? 0) + 1);
        }
      });
    });

    it('has a title, words and a table for each plot, and opens the table by the keyboard', async () => {
      await visit(browser, file, {}, async ({ page }) => {
        const figures = await page.locator('figure').count();
        expect(figures).toBeGreaterThan(0);
        for (const part of ['svg[role="img"] > title', 'svg[role="img"] > desc', 'details table']) {
          expect(await page.locator(`figure:has(${part})`).count()).toBe(figures);
        }
        const first = page.locator('figure details').first();
        await first.locator('summary').focus();
        await page.keyboard.press('Enter');
        expect(await first.locator('table').isVisible()).toBe(true);
      });
    });
  });

  it('shows the numbers of the report, to the last digit', async () => {
    const stores = await storesWithRun(pricing, { repetitions: 2000, seed: 7 });
    const file = join(folder, 'numbers.html');
    writeFileSync(file, await runReport(stores, 1));
    const run = await stores.runs.get(1 as never);
    const ledger = await stores.failures.ledger(run.id);
    const [average] = await stores.averages.history(run.id);
    const { measures } = reportOf({
      run,
      ledger,
      averages: averagesByName(run.measures, average!),
    });
    const quantiles = await quantilesOf(stores, run, [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]);
    await visit(browser, file, {}, async ({ page }) => {
      const shown = await page.evaluate<
        string[][]
      >(`[...document.querySelectorAll('[aria-label="Figures of run 1"] tbody tr, [aria-label="Quantiles with their intervals"] tbody tr')].map((row) =>
        [...row.cells].flatMap((cell) => {
          const numbers = [...cell.querySelectorAll('data')];
          const pieces = cell.textContent.split(' to ');
          return pieces.map((piece) => numbers.find((each) => each.textContent === piece.trim())?.value ?? piece.trim());
        }),
      )`);
      const rows = [
        ...Object.entries(measures).map(([name, each]) => [
          name,
          each!.count,
          each!.average,
          ...each!.confidenceInterval!,
          each!.standardDeviation,
          each!.standardError,
          each!.min,
          each!.max,
        ]),
        ...Object.entries(quantiles).flatMap(([name, of]) =>
          of.map(({ probability, value, confidenceInterval }) => [
            name,
            `${100 * probability} %`,
            value,
            ...confidenceInterval!,
          ]),
        ),
      ];
      expect(shown).toEqual(rows.map((row) => row.map(String)));
    });
  });
});
