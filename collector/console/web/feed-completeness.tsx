/*
 * JumpCloud's count of each hour against what was delivered, as a grid that can be acted on.
 */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Completeness as Answer } from '../answers.js';
import type { TabProps } from './feed-page.js';
import { Count } from './instant.js';
import { JobProgress } from './job.js';
import { RangeForm } from './mend.js';
import { Loaded } from './page.js';
import { usePolled } from './polled.js';
import { Message } from './problem.js';
import { useMay } from './session.js';
import { Text } from './text.js';
import { formatClock, formatDate, formatInstant, useZone, zoneName } from './zone.js';

type Hour = Answer['hours'][number];

const HOUR_MS = 3_600_000;

type Verdict = 'complete' | 'accounted' | 'missing' | 'unknown' | 'running';

const GLYPH: Readonly<Record<Verdict, string>> = {
  complete: '✓',
  accounted: '~',
  missing: '',
  unknown: '?',
  running: '▸',
};

function verdictOf(hour: Hour | undefined, repair: Answer['repair']): Verdict {
  if (hour === undefined) return 'unknown';
  if (repair !== null && (repair.state === 'asked' || repair.state === 'running')) {
    const at = Date.parse(hour.hour);
    if (at + HOUR_MS > Date.parse(repair.from) && at < Date.parse(repair.to)) return 'running';
  }
  if (hour.difference === null) return 'unknown';
  if (hour.difference > 0) return 'missing';
  return hour.explained === 0 && hour.difference === 0 ? 'complete' : 'accounted';
}

function wordsOf(verdict: Verdict, hour: Hour | undefined): string {
  if (verdict === 'missing') return `${hour?.difference} missing`;
  if (verdict === 'accounted') return 'accounted for: repeats, count lag';
  return { complete: 'complete', unknown: 'not known', running: 'being read again' }[verdict];
}

export function Completeness({ name, again }: TabProps) {
  const answer = usePolled('feedCompleteness', { path: { name } }, 10_000);
  return (
    <Loaded from={answer}>
      {(value) => (
        <>
          <Message tone={value.missing > 0 ? 'warn' : value.hours.length === 0 ? 'neutral' : 'good'}>
            {value.hours.length === 0
              ? 'No hour has been compared yet.'
              : value.missing > 0
                ? `Incomplete: ${value.missing} ${value.missing === 1 ? 'record' : 'records'} missing of the last 72 hours.`
                : 'Nothing is missing in the hours that were compared.'}
          </Message>
          {value.hours.length > 0 && (
            <Grid
              name={name}
              answer={value}
              again={() => {
                answer.again();
                again();
              }}
            />
          )}
        </>
      )}
    </Loaded>
  );
}

function Grid({ name, answer, again }: { readonly name: string; readonly answer: Answer; readonly again: () => void }) {
  const zone = useZone();
  const isOperator = useMay('operator');
  const table = useRef<HTMLTableElement>(null);
  const { services, hours, cells } = useMemo(() => arrange(answer.hours), [answer]);
  const [at, setAt] = useState<readonly [row: number, column: number]>([0, Math.max(0, hours.length - 1)]);
  const [anchor, setAnchor] = useState<number>();
  const [isAsking, setAsking] = useState(false);
  const [job, setJob] = useState<string>();
  const chosen = cells.get(`${services[at[0]]} ${hours[at[1]]}`);
  const [first, last] = anchor === undefined ? [at[1], at[1]] : [Math.min(anchor, at[1]), Math.max(anchor, at[1])];
  const from = hours[first] ?? 0;
  const to = (hours[last] ?? 0) + HOUR_MS;

  // The newest hours are what is looked for.
  useEffect(() => {
    const around = table.current?.parentElement;
    if (around) around.scrollLeft = around.scrollWidth;
  }, []);
  const move = (row: number, column: number, extend: boolean) => {
    const next = [clamp(row, services.length), clamp(column, hours.length)] as const;
    setAnchor(extend ? (anchor ?? at[1]) : undefined);
    setAt(next);
    setAsking(false);
    requestAnimationFrame(() => table.current?.querySelector<HTMLElement>('[tabindex="0"]')?.focus());
  };
  const onKey = (event: KeyboardEvent) => {
    const [row, column] = at;
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (step !== undefined) move(row + (step[0] ?? 0), column + (step[1] ?? 0), event.shiftKey);
    else if (event.key === 'Home') move(row, 0, event.shiftKey);
    else if (event.key === 'End') move(row, hours.length - 1, event.shiftKey);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <p class="hint">
        ✓ complete · ~ accounted for: repeats, count lag · a number: records missing · ? not known · ▸ being read again.
        Choose an hour; with Shift, several.
      </p>
      <section class="scroll grid" aria-label="Grid of hours" tabIndex={-1}>
        <table ref={table}>
          <caption class="hidden">Completeness by service and hour</caption>
          <thead>
            <tr>
              <th scope="col">Service ({zoneName(new Date(hours[0] ?? 0), zone)})</th>
              {hours.map((hour, index) => {
                const date = new Date(hour);
                const isNewDay =
                  index === 0 || formatDate(date, zone) !== formatDate(new Date(hours[index - 1] ?? 0), zone);
                return (
                  <th scope="col" key={hour}>
                    {isNewDay && <span class="day">{formatDate(date, zone).slice(5)}</span>}
                    {formatClock(date, zone, true)}
                  </th>
                );
              })}
            </tr>
          </thead>
          <tbody>
            {services.map((service, row) => (
              <tr key={service}>
                <th scope="row">
                  <Text>{service}</Text>
                </th>
                {hours.map((hour, column) => {
                  const cell = cells.get(`${service} ${hour}`);
                  const verdict = verdictOf(cell, answer.repair);
                  const isHere = at[0] === row && at[1] === column;
                  return (
                    <td key={hour} class={`cell ${verdict}`}>
                      <button
                        type="button"
                        tabIndex={isHere ? 0 : -1}
                        aria-pressed={row === at[0] && column >= first && column <= last}
                        onKeyDown={onKey}
                        aria-label={`${service}, ${formatInstant(hour, zone, true)}: ${wordsOf(verdict, cell)}`}
                        onClick={(event) => move(row, column, event.shiftKey)}
                      >
                        {verdict === 'missing' ? cell?.difference : GLYPH[verdict]}
                      </button>
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <section class="card" aria-live="polite" aria-label="The chosen hour">
        <h2>
          <Text>{services[at[0]] ?? ''}</Text>, {formatInstant(hours[at[1]] ?? 0, zone, true)}
        </h2>
        {chosen === undefined ? (
          <p>Nothing is known of this service in this hour.</p>
        ) : (
          <dl class="facts">
            <Fact term="JumpCloud counts" value={chosen.jumpcloud} />
            <Fact term="Delivered as events" value={chosen.delivered} />
            <Fact term="Dead letters" value={chosen.deadLetters} />
            <Fact term="Kept raw" value={chosen.raw} />
            <Fact term="Not selected" value={chosen.notSelected} />
            <Fact term="Accounted for: repeats, count lag" value={chosen.explained} />
            <Fact term="Missing" value={chosen.difference} />
          </dl>
        )}
        {chosen !== undefined && chosen.explained !== 0 && (
          <p class="hint">
            The hour was read again and held nothing new, so the rest of JumpCloud’s count is repeats, or its count lags
            behind its records.
          </p>
        )}
        {isOperator && !isAsking && (
          <button type="button" onClick={() => setAsking(true)}>
            Read again: {last - first + 1} {last === first ? 'hour' : 'hours'}…
          </button>
        )}
        {isAsking && (
          <RangeForm
            key={`${from} ${to}`}
            name={name}
            operation="repairFeed"
            from={new Date(from).toISOString().replace('.000', '')}
            to={new Date(to).toISOString().replace('.000', '')}
            onDone={(id) => {
              setJob(id);
              setAsking(false);
              again();
            }}
          />
        )}
        {job !== undefined && <JobProgress key={job} id={job} onEnd={again} />}
        {answer.repair !== null && (
          <p class="dim">
            Last repair: {answer.repair.state}, {answer.repair.minutesRead} of {answer.repair.minutes} minutes read,{' '}
            {answer.repair.found} records found.
          </p>
        )}
      </section>
    </>
  );
}

function Fact({ term, value }: { readonly term: string; readonly value: number | null }) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>
        <Count of={value} />
      </dd>
    </div>
  );
}

const clamp = (value: number, length: number): number => Math.min(Math.max(value, 0), length - 1);

/** Hours without a gap between the first and the last, so that what was not compared is seen as not known. */
function arrange(rows: readonly Hour[]) {
  const services = [...new Set(rows.map(({ service }) => service))].toSorted();
  const times = rows.map(({ hour }) => Date.parse(hour)).filter((time) => !Number.isNaN(time));
  const [start, end] = [Math.min(...times), Math.max(...times)];
  const hours = Array.from(
    { length: Math.min(Math.floor((end - start) / HOUR_MS) + 1, 96) },
    (_, index) => start + index * HOUR_MS,
  );
  return { services, hours, cells: new Map(rows.map((row) => [`${row.service} ${Date.parse(row.hour)}`, row])) };
}
