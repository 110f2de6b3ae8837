import type { PlainValue } from '../../sinks/tables/duckdb-value.js';
import type { BoundParameter } from '../parameters.js';
import { rowBar, type TimeBar, timeChart } from './charts.js';
import { escapeHtml, numberText, valueText } from './markup.js';

/** What a ready question answered. */
export interface Answered {
  /** Of the question. */
  readonly name: string;
  readonly title: string;
  readonly answers: string;
  readonly sql: string;
  readonly parameters: readonly BoundParameter[];
  readonly columns: readonly string[];
  readonly rows: readonly (readonly PlainValue[])[];
}

/** What a feed's state says, which no statement shows. */
export interface FeedState {
  readonly feed: string;
  /** Records of JumpCloud's own count in the hours that were compared, and those of them that are not accounted for. */
  readonly counted: number | undefined;
  readonly missing: number | undefined;
  /** Hours within the range that were compared, and those that were not. */
  readonly hoursCompared: number;
  readonly hoursNotCompared: number;
  /** `…abcd expires on …`; undefined where no key was used. */
  readonly key: string | undefined;
}

export interface ReportInput {
  /** Epoch milliseconds. */
  readonly since: number;
  readonly until: number;
  readonly madeAt: number;
  readonly account: string | undefined;
  /** By the questions' names. */
  readonly answered: ReadonlyMap<string, Answered>;
  readonly feeds: readonly FeedState[];
  readonly version: string;
}

/** The questions that a report asks, in the order of its sections. */
export const reportQuestions = [
  'logins-by-hour',
  'logins-by-country',
  'failed-logins-by-user',
  'failed-logins-by-address',
  'mfa-share',
  'admins-without-mfa',
  'new-administrators',
  'privileges-granted',
  'administrator-changes',
  'feed-volume',
  'dead-letters',
] as const;

const DAY_MS = 86_400_000;
/** Above this many hours logins are shown by day. */
const MOST_HOURS = 96;
const MOST_ROWS = 15;

/**
 * The questions of a report. Dead letters and the states of feeds belong to no account: a report of one account must not
 * show what is another's.
 */
export function questionsOf(account: string | undefined): readonly string[] {
  return account === undefined ? reportQuestions : reportQuestions.filter((name) => name !== 'dead-letters');
}

/** One self-contained HTML file: inline SVG, no script, nothing fetched. */
export function renderReport(input: ReportInput): string {
  const range = `${instant(input.since)} to ${instant(input.until)}`;
  const questions = questionsOf(input.account);
  const sections = questions.map((name) => sectionOf(answer(input, name), input));
  const title = `JumpCloud activity${input.account === undefined ? '' : ` of ${escapeHtml(input.account)}`}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>${title}, ${range}</title>
<style>${STYLE}</style>
</head>
<body>
<header><h1>${title}</h1><p>${range} (all times in UTC, end exclusive). Made ${instant(input.madeAt)} by jumpcloud-ocsf ${escapeHtml(input.version)}.</p></header>
<main>
${tiles(input)}
${sections.join('\n')}
${completeness(input)}
<section class="statements"><h2>Statements</h2><p>Each figure is the answer to one statement; <code>jumpcloud-ocsf query --name NAME</code> asks it again.</p>
${questions.map((name) => statement(answer(input, name))).join('\n')}
</section>
</main>
</body>
</html>
`;
}

function answer({ answered }: ReportInput, name: string): Answered {
  const found = answered.get(name);
  if (found === undefined) throw new TypeError(`The question ${name} was not asked`);
  return found;
}

function column({ columns, rows }: Answered, name: string): number[] {
  const index = columns.indexOf(name);
  return rows.map((row) => Number(row[index] ?? 0));
}

function sum(of: Answered, name: string): number {
  return column(of, name).reduce((total, value) => total + value, 0);
}

function tiles(input: ReportInput): string {
  const logins = answer(input, 'logins-by-hour');
  const mfa = answer(input, 'mfa-share');
  const said = sum(mfa, 'with_mfa') + sum(mfa, 'without_mfa');
  const share = said === 0 ? 'not said' : `${Math.floor((1000 * sum(mfa, 'with_mfa')) / said) / 10} %`;
  const counted = input.feeds.every(({ missing }) => missing !== undefined) && input.feeds.length > 0;
  const missing = input.feeds.reduce((total, feed) => total + (feed.missing ?? 0), 0);
  const tile = (value: string, label: string, target: string, bad = false) =>
    `<a class="tile${bad ? ' alarm' : ''}" href="#${target}"><strong>${value}</strong><span>${label}</span></a>`;
  const figures = [
    tile(numberText(sum(logins, 'succeeded')), 'logins succeeded', 'statement-logins-by-hour'),
    tile(numberText(sum(logins, 'failed')), 'logins failed', 'statement-logins-by-hour'),
    tile(share, 'of logins that say so had MFA', 'statement-mfa-share'),
    tile(
      numberText(sum(answer(input, 'administrator-changes'), 'changes')),
      'changes by administrators',
      'statement-administrator-changes',
    ),
    tile(
      numberText(answer(input, 'new-administrators').rows.length),
      'new administrators',
      'statement-new-administrators',
      answer(input, 'new-administrators').rows.length > 0,
    ),
  ];
  if (input.account === undefined) {
    const letters = sum(answer(input, 'dead-letters'), 'dead_letters');
    figures.push(
      tile(numberText(letters), 'dead letters', 'statement-dead-letters', letters > 0),
      tile(
        counted ? numberText(missing) : 'unknown',
        'records missing of JumpCloud’s count',
        'completeness',
        missing > 0,
      ),
    );
  }
  return `<nav class="tiles" aria-label="In short">${figures.join('')}</nav>`;
}

function sectionOf(of: Answered, input: ReportInput): string {
  const figure = of.name === 'logins-by-hour' ? timeChart(timeBars(of, input)) : tableOf(of);
  return `<section id="${of.name}"><h2>${escapeHtml(of.title)}</h2><p>${escapeHtml(of.answers)} <a href="#statement-${of.name}">Statement</a></p>${figure}</section>`;
}

/** By hour, or by day over a long range; what had no login is there as an empty bar. */
function timeBars(of: Answered, { since, until }: ReportInput): TimeBar[] {
  const byHour = (until - since) / 3_600_000 <= MOST_HOURS;
  const step = byHour ? 3_600_000 : DAY_MS;
  const labelOf = (time: number) =>
    byHour
      ? `${new Date(time).toISOString().slice(0, 13).replace('T', ' ')}:00`
      : new Date(time).toISOString().slice(0, 10);
  const bars = new Map<string, { label: string; succeeded: number; failed: number }>();
  for (let time = Math.floor(since / step) * step; time < until; time += step)
    bars.set(labelOf(time), { label: labelOf(time), succeeded: 0, failed: 0 });
  const [hour, succeeded, failed] = ['hour', 'succeeded', 'failed'].map((name) => of.columns.indexOf(name));
  for (const row of of.rows) {
    const text = valueText(row[hour ?? 0]);
    const bar = bars.get(byHour ? text : text.slice(0, 10));
    if (bar === undefined) continue;
    bar.succeeded += Number(row[succeeded ?? 0]);
    bar.failed += Number(row[failed ?? 0]);
  }
  return [...bars.values()];
}

/** The first column of each of these names gets a bar. */
const BARS: Readonly<Record<string, 'ok' | 'bad'>> = {
  failures: 'bad',
  without_mfa: 'bad',
  failed: 'bad',
  dead_letters: 'bad',
  succeeded: 'ok',
  with_mfa: 'ok',
  changes: 'ok',
  events: 'ok',
};

function tableOf(of: Answered): string {
  const { columns, rows } = of;
  if (rows.length === 0) return '<p class="none">None in this range.</p>';
  const accounts = new Set(rows.map((row) => row[columns.indexOf('account_name')]));
  // One account need not be named in each row.
  const shown = columns
    .map((name, index) => ({ name, index }))
    .filter(({ name }) => name !== 'account_name' || accounts.size > 1);
  const head = shown.map(
    ({ name }) => `<th scope="col">${escapeHtml(name === 'time_dt' ? 'time' : name.replaceAll('_', ' '))}</th>`,
  );
  const most = new Map(shown.map(({ name }) => [name, Math.max(...column(of, name))]));
  const body = rows.slice(0, MOST_ROWS).map((row) => {
    const cells = shown.map(({ name, index }) => cell(row[index], name, most.get(name) ?? 0));
    return `<tr>${cells.join('')}</tr>`;
  });
  const more = rows.length - MOST_ROWS;
  const rest = more > 0 ? `<p class="none">… and ${numberText(more)} more ${more === 1 ? 'row' : 'rows'}.</p>` : '';
  return `<div class="scroll"><table><thead><tr>${head.join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div>${rest}`;
}

const INSTANT = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$/;

function cell(value: PlainValue | undefined, name: string, most: number): string {
  if (typeof value === 'number' || typeof value === 'bigint') {
    const kind = BARS[name];
    return `<td class="number">${numberText(value)}${kind === undefined ? '' : rowBar(Number(value), most, kind)}</td>`;
  }
  const text = valueText(value);
  const [, day, time] = INSTANT.exec(text) ?? [];
  if (day !== undefined) return `<td class="number">${day} ${time}</td>`;
  return text === '' ? '<td class="none">–</td>' : `<td>${escapeHtml(text)}</td>`;
}

function completeness({ feeds, account }: ReportInput): string {
  if (account !== undefined)
    return '<section id="completeness"><h2>Completeness and key</h2><p>Completeness, keys and dead letters are of feeds, not of accounts: a report of all accounts shows them.</p></section>';
  const rows = feeds.map(
    ({ feed, counted, missing, hoursCompared, hoursNotCompared, key }) =>
      `<tr><td>${escapeHtml(feed)}</td><td class="number">${counted === undefined ? 'unknown' : numberText(counted)}</td><td class="number${missing ? ' alarm' : ''}">${missing === undefined ? 'unknown' : numberText(missing)}</td><td class="number">${hoursCompared}</td><td class="number">${hoursNotCompared}</td><td>${escapeHtml(key ?? 'unknown')}</td></tr>`,
  );
  const table =
    feeds.length === 0
      ? '<p class="none">These tables hold no feed’s state.</p>'
      : `<div class="scroll"><table><thead><tr><th scope="col">feed</th><th scope="col">JumpCloud’s count</th><th scope="col">missing</th><th scope="col">hours compared</th><th scope="col">hours not compared</th><th scope="col">API key</th></tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
  return `<section id="completeness"><h2>Completeness and key</h2><p>What the feeds delivered, compared with JumpCloud’s own count, as their state says it. Counts reach 72 hours back; hours that were not compared are not known to be whole.</p>${table}</section>`;
}

function statement({ name, title, sql, parameters }: Answered): string {
  const values = parameters.map((parameter) => `$${parameter.name} = ${parameterText(parameter)}`).join('\n');
  return `<details id="statement-${name}" open><summary>${escapeHtml(title)} <a href="#${name}">↑</a></summary><pre>${escapeLines(sql)}</pre><pre class="values">${escapeLines(values)}</pre></details>`;
}

function parameterText({ type, value }: BoundParameter): string {
  if (type === 'instant') return instant(value);
  if (type === 'duration') return `${value / 1000} s`;
  return JSON.stringify(value);
}

function escapeLines(text: string): string {
  return text.split('\n').map(escapeHtml).join('\n');
}

function instant(time: number): string {
  return new Date(time).toISOString().slice(0, 19).replace('T', ' ');
}

const STYLE = `
:root{color-scheme:light dark;--ink:#1a2230;--soft:#566070;--paper:#fff;--panel:#f4f6f9;--line:#d5dae2;--ok:#2a6fbb;--bad:#c2452d;--alarm:#a3260f}
@media (prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#a3adbb;--paper:#12161c;--panel:#1c222b;--line:#353d49;--ok:#6aa9ee;--bad:#ee8268;--alarm:#ff9d85}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem;max-width:78rem;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
h1{margin:0;font-size:1.7rem}h2{margin:2rem 0 .2rem;font-size:1.15rem}
header p,section>p{margin:.1rem 0 .7rem;color:var(--soft)}a{color:var(--ok)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.2rem,1fr));gap:.6rem;margin:1.2rem 0}
.tile{padding:.7rem .8rem;border:1px solid var(--line);border-radius:.5rem;background:var(--panel);color:inherit;text-decoration:none}
.tile strong{display:block;font-size:1.5rem;line-height:1.2;font-variant-numeric:tabular-nums}.tile span{color:var(--soft);font-size:.85rem}
.alarm,.tile.alarm strong{color:var(--alarm)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.86rem}
th,td{padding:.3rem .7rem .3rem 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:top;overflow-wrap:break-word;min-width:4rem;max-width:26rem}
th{color:var(--soft);font-weight:600;white-space:nowrap}.number{font-variant-numeric:tabular-nums;white-space:nowrap}.none{color:var(--soft)}
svg{display:block;width:100%;height:auto}svg.bar{height:.35rem;min-width:5rem;margin-top:.15rem}
.grid{stroke:var(--line)}.axis{fill:var(--soft);font-size:12px}.ok{fill:var(--ok)}.bad{fill:var(--bad)}.track{fill:var(--line)}
.legend{color:var(--soft);font-size:.85rem}.key{display:inline-block;width:.75em;height:.75em;margin-left:.8em}.key.ok{background:var(--ok)}.key.bad{background:var(--bad)}
details{margin:.6rem 0}summary{cursor:pointer;font-weight:600}
pre{margin:.3rem 0;padding:.7rem;overflow-x:auto;border:1px solid var(--line);border-radius:.4rem;background:var(--panel);font:12px/1.45 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
:target{outline:2px solid var(--ok);outline-offset:.3rem}
@media print{:root{--ink:#000;--soft:#444;--paper:#fff;--panel:#fff;--line:#bbb;--ok:#2a6fbb;--bad:#c2452d;--alarm:#a3260f}
body{padding:0;max-width:none;font-size:10.5px;-webkit-print-color-adjust:exact;print-color-adjust:exact}.scroll{overflow:visible}
h2{break-after:avoid}tr,.tile,svg{break-inside:avoid}.statements{break-before:page}.tiles{grid-template-columns:repeat(4,1fr)}table{font-size:8.5px}th,td{min-width:0;padding-right:.4rem;overflow-wrap:anywhere}}
`;
