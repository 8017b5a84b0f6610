import { defineSimulation, type Stores } from '@stepcompute/core';
import { experimentReport, runReport } from '../src/index.js';
import { html } from '../src/templates/html.js';
import { markupOf, storesWithExperiment, storesWithRun } from './pages.js';

const payloads = [
  '</title><script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onload='alert(1)",
  '" autofocus onfocus="alert(1)',
  '</svg><script>alert(1)</script>',
  '</desc><foreignObject><script>alert(1)</script>',
  '</style><script>alert(1)</script>',
  '<style>@import "http://example.test/x.css"</style>',
  '<![CDATA[<script>alert(1)</script>]]>',
  '<!-- --><script>alert(1)</script><!--',
  '<a href="javascript:alert(1)">run</a>',
  '<iframe srcdoc="<script>alert(1)</script>">',
  '&lt;script&gt;alert(1)&lt;/script&gt;',
  '&#60;script&#62;alert(1)',
  '<meta http-equiv="refresh" content="0;url=http://example.test">',
  '<base href="http://example.test/">',
  '\u2028<script>alert(1)</script>',
  '\u202e<script>alert(1)</script>',
  '`${alert(1)}`',
  '＜script＞alert(1)＜/script＞',
] as const;

const innocent = 'an innocent text';

/** A run with the text wherever one of its user's may stand. */
function runWith(text: string): Promise<Stores> {
  const simulation = defineSimulation({
    name: text,
    parameters: { text, nested: { [text]: [text] } },
    generate: ({ iterationId, random }) => {
      if (iterationId % 10 === 3) {
        const error = new Error(text);
        error.name = text;
        throw error;
      }
      return random.normal();
    },
  });
  return storesWithRun(simulation, {
    repetitions: 100,
    seed: 1,
    label: text,
    tolerance: 50,
    experiment: text,
    experimentKey: text,
    scenario: text,
  });
}

async function experimentWith(text: string): Promise<string> {
  const simulation = defineSimulation({
    name: text,
    parameters: { text: '', other: '' },
    generate: ({ random, parameters: { other } }) => random.normal() + (other === 'a' ? 0 : 1),
  });
  const scenarios = [`${text}1`, `${text}2`].flatMap((first) =>
    ['a', `${text}3`].map((second) => ({
      name: `${first}${second}`.slice(-100),
      parameters: { text: first, other: second },
    })),
  );
  const { stores, runs } = await storesWithExperiment(simulation, scenarios, text);
  return experimentReport(stores, runs, { control: scenarios[0]!.name });
}

describe('text from outside', () => {
  let innocentRun: readonly string[];
  let innocentExperiment: readonly string[];

  beforeAll(async () => {
    innocentRun = markupOf(await runReport(await runWith(innocent), 1));
    innocentExperiment = markupOf(await experimentWith(innocent));
  });

  it.each(payloads)('is text on the page of a run: %s', async (payload) => {
    const page = await runReport(await runWith(payload), 1);
    expect(markupOf(page)).toEqual(innocentRun);
    // The name, the label, the error and its message, parameters, the experiment and its scenario.
    const escaped = html`${payload}`.text;
    expect(page.split(escaped).length - 1).toBeGreaterThanOrEqual(8);
  });

  it.each(payloads)('is text on the page of an experiment: %s', async (payload) => {
    expect(markupOf(await experimentWith(payload))).toEqual(innocentExperiment);
  });

  it('would be found out of place', () => {
    expect(markupOf('<p class="text">a<b></p>')).not.toEqual(markupOf('<p class="text">ab</p>'));
    expect(markupOf('<p class="a" onload="">')).not.toEqual(markupOf('<p class="a">'));
  });
});
