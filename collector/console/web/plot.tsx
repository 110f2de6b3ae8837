/*
 * Numbers over time as a plot, and the same numbers as a table.
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { Count } from './instant.js';
import { Scrolled } from './scrolled.js';
import { formatClock, formatDate, formatInstant, useZone, type Zone, zoneName } from './zone.js';

export interface Series {
  readonly label: string;
  /** One per bucket; null is a gap. */
  readonly values: readonly (number | null)[];
  /** Name of a colour of the sheet. */
  readonly colour: 'accent' | 'good' | 'warn' | 'bad' | 'dim';
}

export interface PlotProps {
  /** What it shows, in a sentence: the plot's accessible name. */
  readonly name: string;
  /** Epoch seconds of each bucket. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly marks?: readonly { readonly at: string; readonly text: string }[];
  readonly bars?: boolean;
}

const HEIGHT = 220;

/** Draws again when the width, the zone or the colours change. */
export function Plot({ name, times, series, marks = [], bars = false }: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  const zone = useZone();
  const [scheme, setScheme] = useState(0);
  useEffect(() => {
    const queries = ['(prefers-color-scheme: dark)', '(forced-colors: active)'].map((query) => matchMedia(query));
    const again = () => setScheme((count) => count + 1);
    for (const query of queries) query.addEventListener('change', again);
    return () => {
      for (const query of queries) query.removeEventListener('change', again);
    };
  }, []);
  useEffect(() => {
    const box = place.current;
    if (box === null) return;
    const plot = new uPlot(optionsOf(box, { name, times, series, marks, bars }, zone), dataOf(times, series), box);
    const observer = new ResizeObserver(() => {
      if (box.clientWidth !== plot.width && box.clientWidth > 0)
        plot.setSize({ width: box.clientWidth, height: HEIGHT });
    });
    observer.observe(box);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [times, series, marks, zone, scheme, bars]);
  return (
    <figure class="plot">
      <figcaption>
        {name}; times in {zoneName(new Date((times[0] ?? 0) * 1000), zone)}
        <ul class="legend">
          {series.map(({ label, colour }) => (
            <li key={label}>
              <span class={`key ${colour}`} aria-hidden="true" /> {label}
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={place} role="img" aria-label={`${name}. The table below holds the same numbers.`} />
      <TableOf name={name} times={times} series={series} />
    </figure>
  );
}

function TableOf({ name, times, series }: Pick<PlotProps, 'name' | 'times' | 'series'>) {
  const zone = useZone();
  const [isOpen, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>As a table</summary>
      {isOpen && (
        <Scrolled label={`${name}, as a table`}>
          <table>
            <thead>
              <tr>
                <th scope="col">From</th>
                {series.map(({ label }) => (
                  <th scope="col" class="number" key={label}>
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {times.map((time, index) => (
                <tr key={time}>
                  <th scope="row" class="unbroken">
                    {formatInstant(time * 1000, zone, true)}
                  </th>
                  {series.map(({ label, values }) => (
                    <td class="number" key={label}>
                      <Count of={values[index]} />
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </Scrolled>
      )}
    </details>
  );
}

const dataOf = (times: readonly number[], series: readonly Series[]): uPlot.AlignedData =>
  [[...times], ...series.map(({ values }) => [...values])] as uPlot.AlignedData;

function optionsOf(box: HTMLElement, { series, marks = [], bars = false }: PlotProps, zone: Zone): uPlot.Options {
  const style = getComputedStyle(box);
  // A custom property keeps `light-dark(…)` unresolved; as a colour of an element it is what is seen.
  const colour = (name: string) => {
    const probe = document.createElement('span');
    probe.className = `probe ${name}`;
    box.append(probe);
    const seen = getComputedStyle(probe).color;
    probe.remove();
    return seen;
  };
  const axis = {
    stroke: style.color,
    grid: { stroke: colour('line'), width: 1 },
    ticks: { stroke: colour('line'), width: 1 },
  };
  return {
    width: Math.max(box.clientWidth, 200),
    height: HEIGHT,
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
    tzDate: (seconds) =>
      zone === 'UTC' ? uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC') : new Date(seconds * 1000),
    scales: { y: { range: (_plot, _least, most) => [0, Math.max((most ?? 0) * 1.05, 4)] } },
    axes: [
      {
        ...axis,
        space: 80,
        values: (_plot, splits) => {
          const long = (splits.at(-1) ?? 0) - (splits[0] ?? 0) > 2 * 86_400;
          return splits.map((split) =>
            long ? formatDate(new Date(split * 1000), zone).slice(5) : formatClock(new Date(split * 1000), zone, true),
          );
        },
      },
      { ...axis, size: 64, values: (_plot, splits) => splits.map((split) => split.toLocaleString('en')) },
    ],
    series: [
      {},
      ...series.map(({ label, colour: name }) => ({
        label,
        stroke: colour(name),
        width: 1.5,
        spanGaps: false,
        points: { show: false },
        ...(bars && uPlot.paths.bars ? { paths: uPlot.paths.bars({ size: [0.8] }), fill: colour(name) } : {}),
      })),
    ],
    hooks: {
      draw: [
        (plot) => {
          plot.ctx.save();
          plot.ctx.strokeStyle = colour('dim');
          plot.ctx.setLineDash([3, 3]);
          for (const { at } of marks) {
            const x = Math.round(plot.valToPos(Date.parse(at) / 1000, 'x', true));
            if (x < plot.bbox.left || x > plot.bbox.left + plot.bbox.width) continue;
            plot.ctx.beginPath();
            plot.ctx.moveTo(x, plot.bbox.top);
            plot.ctx.lineTo(x, plot.bbox.top + plot.bbox.height);
            plot.ctx.stroke();
          }
          plot.ctx.restore();
        },
      ],
    },
  };
}
