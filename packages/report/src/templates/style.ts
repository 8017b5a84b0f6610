/** The looks of a page. Plots take their colours from here too, by the classes of their marks. */
export const style = `
:root {
  --text: #1f2328; --muted: #59636e; --ground: #ffffff; --raised: #f6f8fa; --edge: #d1d9e0;
  --accent: #0969da; --mark: #bc4c00; --good: #1a7f37; --bad: #cf222e; --unsettled: #9a6700;
  color-scheme: light;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --text: #e6edf3; --muted: #9198a1; --ground: #0d1117; --raised: #161b22; --edge: #3d444d;
    --accent: #4493f8; --mark: #f0883e; --good: #3fb950; --bad: #ff7b72; --unsettled: #d29922;
    color-scheme: dark;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 1rem 1rem 3rem; }
h1, h2, h3, h4 { line-height: 1.25; margin: 2rem 0 0.75rem; overflow-wrap: anywhere; }
h1 { font-size: 1.75rem; margin-top: 1rem; }
h2 { font-size: 1.35rem; border-bottom: 1px solid var(--edge); padding-bottom: 0.3rem; }
h3 { font-size: 1.15rem; }
h4 { font-size: 1rem; }
p { max-width: 48rem; margin: 0.5rem 0; overflow-wrap: anywhere; }
a { color: var(--accent); overflow-wrap: anywhere; }
a:focus-visible, summary:focus-visible, [tabindex]:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
code { font: 0.875em ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; }
.lead { color: var(--muted); }
.warning { border-left: 4px solid var(--unsettled); background: var(--raised); padding: 0.5rem 0.75rem; }
.completed { color: var(--good); }
.failed { color: var(--bad); }
.started, .cancelled { color: var(--unsettled); }
.completed, .failed, .started, .cancelled { font-weight: 600; white-space: nowrap; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 9rem), 1fr)); gap: 0.75rem; margin: 1rem 0; padding: 0; }
.tiles div { background: var(--raised); border: 1px solid var(--edge); border-radius: 6px; padding: 0.5rem 0.6rem; }
.tiles dt { color: var(--muted); font-size: 0.875rem; }
.tiles dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1rem 1.5rem; align-items: start; }
.plots.wide { grid-template-columns: repeat(auto-fill, minmax(min(100%, 27rem), 1fr)); }
figure { margin: 0; min-width: 0; max-width: 44rem; }
figcaption { font-weight: 600; margin-bottom: 0.25rem; overflow-wrap: anywhere; }
figure p { color: var(--muted); font-size: 0.875rem; margin: 0.25rem 0; }
.plot { display: block; width: 100%; height: auto; overflow: visible; font-family: system-ui, sans-serif; }
.plot text { white-space: pre; }
.bars { fill: var(--accent); }
.line { stroke: var(--accent); stroke-width: 2px; fill: none; }
.band { fill: var(--accent); fill-opacity: 0.25; }
.dots { fill: var(--accent); stroke: none; }
.interval { stroke: var(--accent); stroke-width: 2px; }
.halo { stroke: var(--ground); stroke-width: 5px; stroke-opacity: 0.8; }
.mark { stroke: var(--mark); stroke-width: 2px; stroke-dasharray: 4 3; }
details { margin: 0.25rem 0; font-size: 0.875rem; }
summary { cursor: pointer; color: var(--accent); max-width: 100%; width: fit-content; padding: 0.15rem 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: 0.5rem 0; }
details .scroll { max-height: 32rem; overflow-y: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; white-space: nowrap; vertical-align: top; padding: 0.25rem 0.65rem 0.25rem 0; border-bottom: 1px solid var(--edge); }
thead th { color: var(--muted); font-weight: 600; }
tbody th { font-weight: 400; }
td { min-width: 4rem; }
.text, .facts th { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 4.5rem; max-width: 40rem; }
.text bdi { display: inline-block; width: max-content; max-width: min(40rem, 40vw); }
thead .text, .facts th { overflow-wrap: normal; }
.command { white-space: nowrap; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; padding: 0; list-style: none; }
@media print {
  main { max-width: none; padding: 0; }
  figure, tr, .tiles div { break-inside: avoid; }
  h1, h2, h3, h4 { break-after: avoid; }
  .plots { grid-template-columns: repeat(auto-fill, minmax(min(100%, 13rem), 1fr)); }
  .plots.wide { grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }
  .scroll, details .scroll { overflow: visible; max-height: none; }
  details:not([open]), nav { display: none; }
  table { font-size: 0.65rem; }
  th, td { white-space: normal; min-width: 0; padding-right: 0.5rem; }
  .text, .facts th { max-width: none; min-width: 0; }
  .text bdi { display: inline; }
  .command { white-space: normal; }
}
`;
