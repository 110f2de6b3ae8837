import { escapeHtml, numberText } from './markup.js';

/** A bar of two parts, one upon the other. */
export interface TimeBar {
  readonly label: string;
  readonly succeeded: number;
  readonly failed: number;
}

const WIDTH = 960;
const HEIGHT = 220;
const LEFT = 48;
const BOTTOM = 26;
const TOP = 12;
const MOST_LABELS = 12;

/** Bars over time as inline SVG: what succeeded below, what failed upon it. */
export function timeChart(bars: readonly TimeBar[]): string {
  const most = niceCeiling(Math.max(1, ...bars.map(({ succeeded, failed }) => succeeded + failed)));
  const inner = WIDTH - LEFT;
  const step = inner / Math.max(1, bars.length);
  const y = (value: number) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most);
  const grid = [0, most / 2, most].map(
    (value) =>
      `<line class="grid" x1="${LEFT}" x2="${WIDTH}" y1="${fixed(y(value))}" y2="${fixed(y(value))}"/><text class="axis" x="${LEFT - 6}" y="${fixed(y(value) + 4)}" text-anchor="end">${numberText(value)}</text>`,
  );
  const every = Math.max(1, Math.ceil(bars.length / MOST_LABELS));
  const drawn = bars.map(({ label, succeeded, failed }, index) => {
    const x = LEFT + index * step + step * 0.1;
    const width = fixed(step * 0.8);
    const part = (name: string, from: number, to: number) =>
      to > from
        ? `<rect class="${name}" x="${fixed(x)}" y="${fixed(y(to))}" width="${width}" height="${fixed(y(from) - y(to))}"/>`
        : '';
    const said = `<title>${escapeHtml(label)}: ${numberText(succeeded)} succeeded, ${numberText(failed)} failed</title>`;
    const text =
      index % every === 0
        ? `<text class="axis" x="${fixed(x)}" y="${HEIGHT - 8}">${escapeHtml(label.slice(5))}</text>`
        : '';
    return `<g>${said}${part('ok', 0, succeeded)}${part('bad', succeeded, succeeded + failed)}${text}</g>`;
  });
  const total = (of: 'succeeded' | 'failed') => numberText(bars.reduce((sum, bar) => sum + bar[of], 0));
  const label = `Logins over time: ${total('succeeded')} succeeded, ${total('failed')} failed`;
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">${grid.join('')}${drawn.join('')}</svg><p class="legend"><span class="key ok"></span> succeeded <span class="key bad"></span> failed</p>`;
}

/** One bar in a row of a table, as wide as its share of the most. */
export function rowBar(value: number, most: number, name: 'ok' | 'bad'): string {
  const width = most > 0 ? Math.max(value > 0 ? 1 : 0, (value / most) * 100) : 0;
  return `<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="10"/><rect class="${name}" width="${fixed(width)}" height="10"/></svg>`;
}

/** The next of 2, 4, 10, 20, 40, 100, … */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([2, 4, 10].find((factor) => factor * power >= value) ?? 10) * power;
}

function fixed(value: number): string {
  return String(Number(value.toFixed(2)));
}
