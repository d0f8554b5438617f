/// The style of the page. Nothing is fetched; it follows the reader's light or dark, and prints on white.
pub(super) const STYLE: &str = r#"
:root {
  color-scheme: light dark;
  --ink: #1c2430; --quiet: #5b6675; --paper: #fff; --panel: #f5f7fa; --line: #dde3ea;
  --pass: #3f9c6b; --fail: #c8373f; --error: #b8700f; --gap: #a5d3ba; --missed: #8a5cb8; --off: #c3cbd5; --accent: #2b5fa8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e3e8ef; --quiet: #98a4b3; --paper: #12171f; --panel: #1b222d; --line: #2f3947;
    --pass: #4fb680; --fail: #ef6a70; --error: #eaa545; --gap: #2f6f4e; --missed: #b48be0; --off: #465262; --accent: #7fb0f5;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 78rem; color: var(--ink); background: var(--paper);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
header { border-bottom: 3px solid var(--accent); padding-bottom: 1rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.3rem; margin: 2.6rem 0 .8rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1.02rem; margin: 1.4rem 0 .4rem; }
p { margin: .5rem 0; }
.quiet { color: var(--quiet); }
.lead { font-size: 1.2rem; margin: 1.2rem 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .8rem; margin: 1.4rem 0; }
.tile { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem; }
.tile b { display: block; font-size: 1.55rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile span { color: var(--quiet); font-size: .86rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; margin: .5rem 0 1rem; }
th { text-align: left; font-weight: 600; color: var(--quiet); font-size: .8rem; border-bottom: 2px solid var(--line); }
th, td { padding: .38rem .8rem .38rem 0; vertical-align: top; }
td { border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th:last-child, td:last-child { padding-right: 0; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; overflow-wrap: normal; }
.id, .at { white-space: nowrap; }
.id { font-weight: 600; }
.name { min-width: 15rem; }
.bad { color: var(--fail); font-weight: 600; }
.warn { color: var(--error); font-weight: 600; }
.badge { display: inline-block; border: 1px solid currentColor; border-radius: 1rem; padding: 0 .6rem; font-size: .78rem;
  font-weight: 600; line-height: 1.5; vertical-align: .1rem; }
.open, .overdue { color: var(--fail); } .recovered { color: var(--error); } .closed { color: var(--pass); }
.strip { display: block; width: 100%; min-width: 11rem; height: 1.15rem; border-radius: .2rem; background: var(--panel);
  margin-top: .15rem; }
.strip rect { shape-rendering: crispEdges; }
.m-pass { fill: var(--pass); } .m-deviation { fill: var(--fail); } .m-error { fill: var(--error); }
.m-not-tested { fill: var(--missed); } .m-gap { fill: var(--gap); } .m-off { fill: var(--off); }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; font-size: .84rem; color: var(--quiet); margin: .4rem 0 .8rem; }
.legend svg { width: .8rem; height: .8rem; margin-right: .35rem; vertical-align: -.08rem; }
.bar { display: inline-block; width: 4rem; height: .5rem; border-radius: .25rem; background: var(--line); margin-left: .5rem;
  overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--accent); }
.case { border: 1px solid var(--line); border-left: 4px solid var(--accent); border-radius: .4rem; padding: .2rem 1rem .5rem;
  margin: 0 0 1rem; break-inside: avoid; }
.case h3 { margin-top: .7rem; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 0 2rem; }
ul { margin: .3rem 0; padding-left: 1.2rem; }
pre, code { font: .85rem/1.5 ui-monospace, Menlo, Consolas, monospace; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: .4rem; padding: .7rem .9rem;
  white-space: pre-wrap; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
@media (max-width: 76rem) { .strip { min-width: 8rem; } .bar { display: none; } }
footer { margin-top: 3rem; padding-top: .8rem; border-top: 1px solid var(--line); color: var(--quiet); font-size: .85rem; }
@page { margin: 16mm 14mm; }
@media print {
  :root { color-scheme: light; --ink: #000; --quiet: #444; --paper: #fff; --panel: #fff; --line: #bbb; --pass: #3f9c6b;
    --fail: #b00020; --error: #9a5b00; --gap: #a5d3ba; --missed: #7a4fb0; --off: #bbb; --accent: #2b5fa8; }
  body { padding: 0; max-width: none; font-size: 9pt; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  h2, h3 { break-after: avoid; } tr, .tile { break-inside: avoid; } thead { display: table-header-group; }
  .strip { min-width: 7rem; } .bar { display: none; } .name { min-width: 0; }
}
"#;
