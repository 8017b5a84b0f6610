// Bundled: as `PlotLibrary` of ../src/templates/plot-library.ts has it.
export { areaY, cell, dot, lineY, plot, rectY, ruleX, ruleY, text } from '@observablehq/plot';
export { parseHTML } from 'linkedom';
