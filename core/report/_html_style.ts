/** Style of the HTML report: both colour schemes, narrow screens, paper. Nothing is told by colour alone. */
export const HTML_STYLE = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1b1f24; --quiet: #57606a; --line: #d0d7de;
  --shade: #f6f8fa; --bad: #b3261e; --warn: #8a5a00; --good: #1a7f37;
  --part: #fff3cd;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0f1317; --ink: #e6edf3; --quiet: #9aa7b4; --line: #39424c;
    --shade: #181e24; --bad: #ff8a80; --warn: #f0b849; --good: #6fd08c;
    --part: #3a3114;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem; max-width: 78rem;
  background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif;
}
h1, h2, h3 { line-height: 1.25; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
h3 { margin: 2rem 0 .5rem; }
a { color: inherit; }
code, .hop { font-family: ui-monospace, monospace; font-size: .875rem; }
code, td { overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin: .75rem 0; }
caption { text-align: left; color: var(--quiet); padding: .25rem 0; }
th, td {
  border: 1px solid var(--line); padding: .35rem .5rem;
  text-align: left; vertical-align: top;
}
thead th { background: var(--shade); }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.journeys td { width: 46%; }
.parts th, .parts td { background: var(--part); }
.parts td { border-block: 2px solid var(--ink); }
.after { color: var(--quiet); }
.rule, .note { display: block; color: var(--quiet); font-size: .875rem; }
.error { color: var(--bad); } .warning { color: var(--warn); }
.note-level { color: var(--good); }
@media (max-width: 40rem) { body { padding: .75rem; font-size: .9rem; } }
@media print {
  :root {
    --paper: #fff; --ink: #000; --quiet: #444; --line: #999;
    --shade: #eee; --part: #eee;
  }
  body { max-width: none; padding: 0; }
  h2, h3 { break-after: avoid; }
  tr { break-inside: avoid; }
  nav { display: none; }
}
`.trim();
