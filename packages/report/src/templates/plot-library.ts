import { createRequire } from 'node:module';
import type * as PlotModule from '@observablehq/plot';

/** As much of the library for plots as pages need, and the document that it draws in. */
export type PlotLibrary = Pick<
  typeof PlotModule,
  'areaY' | 'cell' | 'dot' | 'lineY' | 'plot' | 'rectY' | 'ruleX' | 'ruleY' | 'text'
> & {
  readonly parseHTML: (html: string) => { readonly document: object };
};

/** Loads the library, when a page is made. scripts/bundle-plots.mjs has bundled it. */
export function loadPlotLibrary(): PlotLibrary {
  return createRequire(__filename)('../../dist/plot-library.js') as PlotLibrary;
}
