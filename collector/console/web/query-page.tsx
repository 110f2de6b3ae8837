/*
 * Questions over the tables of a feed: ready ones as forms, and SQL.
 */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { Bodies, FeedSummary, Json, QueryLine, Questions, Views } from '../answers.js';
import { lines, open } from './api.js';
import { saveAs } from './download.js';
import { AreaField, SelectField, TextField } from './form.js';
import { Frame } from './frame.js';
import { Heading, Loaded } from './page.js';
import { Plot, type Series } from './plot.js';
import { usePolled } from './polled.js';
import { Failure, Message } from './problem.js';
import { Scrolled } from './scrolled.js';
import { SEED_WORDS } from './seed-words.js';
import { Text } from './text.js';

type Question = Questions['questions'][number];
type Column = { readonly name: string; readonly type: string };
type End = Extract<QueryLine, { readonly end: unknown }>['end'];

/** Rows that are drawn; the rest on demand. */
const DRAWN = 500;

export function QueryPage() {
  const list = usePolled('listFeeds', {}, 0);
  return (
    <Frame crumbs={[{ label: SEED_WORDS.area, href: '/feeds' }, { label: 'Query' }]}>
      <Heading>Query</Heading>
      <Loaded from={list}>
        {({ feeds }) => {
          const readable = feeds.filter(({ sink }) => sink === 'tables');
          return readable.length > 0 ? (
            <Workbench feeds={readable} />
          ) : (
            <div class="empty">
              <h2>No feed keeps tables here</h2>
              <p>
                This page asks the tables that feeds write. A feed that delivers to Kafka is queried there, with any
                consumer of its topics.
              </p>
            </div>
          );
        }}
      </Loaded>
    </Frame>
  );
}

interface Answered {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Json[])[];
  readonly end: End | undefined;
}

function Workbench({ feeds }: { readonly feeds: readonly FeedSummary[] }) {
  const { query, route } = useLocation();
  const feed = feeds.find(({ name }) => name === query.feed)?.name ?? feeds[0]?.name ?? '';
  const questions = usePolled('questions', {}, 0);
  const views = usePolled('views', { query: { feed } }, 0);
  const question = questions.value?.questions.find(({ name }) => name === query.question);
  const [from, setFrom] = useState(query.from ?? '');
  const [to, setTo] = useState(query.to ?? '');
  const [sql, setSql] = useState(
    'SELECT time_dt, user_name, outcome\nFROM authentication\nORDER BY time_dt DESC\nLIMIT 100',
  );
  const [typed, setTyped] = useState<{ readonly question?: string; readonly values: Readonly<Record<string, string>> }>(
    {
      values: {},
    },
  );
  const [answered, setAnswered] = useState<Answered>();
  const [error, setError] = useState<unknown>();
  const [isRunning, setRunning] = useState(false);
  const stop = useRef<AbortController | undefined>(undefined);
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => () => stop.current?.abort(), []);
  // Defaults, over them what the address says, so that a question can be passed on, over them what was typed.
  const parameters = Object.fromEntries(
    (question?.parameters ?? []).map(({ name, default: standard }) => [
      name,
      (typed.question === question?.name ? typed.values[name] : undefined) ?? query[`p.${name}`] ?? standard ?? '',
    ]),
  );

  const body = (format: 'rows' | 'csv' | 'ndjson'): Bodies['query'] => ({
    feed,
    format,
    ...(question === undefined ? { sql } : { question: question.name, parameters }),
    ...(from === '' ? {} : { from }),
    ...(to === '' ? {} : { to }),
  });
  const look = (change: Readonly<Record<string, string | undefined>>) => {
    const all = Object.entries({ ...query, ...change }).filter((pair): pair is [string, string] => Boolean(pair[1]));
    route(`/query?${new URLSearchParams(all)}`, true);
  };
  const run = async (event?: Event) => {
    event?.preventDefault();
    if (isRunning) return;
    const mine = new AbortController();
    stop.current = mine;
    setRunning(true);
    setError(undefined);
    setAnswered(undefined);
    if (question !== undefined)
      look({
        from,
        to,
        ...Object.fromEntries(Object.entries(parameters).map(([name, value]) => [`p.${name}`, value])),
      });
    let columns: readonly Column[] = [];
    const rows: (readonly Json[])[] = [];
    let end: End | undefined;
    try {
      for await (const line of lines('query', { body: body('rows'), signal: mine.signal })) {
        if ('columns' in line) columns = line.columns;
        else if ('row' in line) rows.push(line.row);
        else end = line.end;
      }
      setAnswered({ columns, rows, end });
    } catch (failure) {
      if (!mine.signal.aborted) setError(failure);
    } finally {
      setRunning(false);
    }
  };
  const download = async (format: 'csv' | 'ndjson') => {
    setError(undefined);
    try {
      const response = await open('query', { body: body(format), headers: { accept: '*/*' } });
      const content = await response.blob().catch(() => {
        throw new Error('The download ended before its end, so nothing was kept. Run it here: the page says why.');
      });
      saveAs(`${feed}-${question?.name ?? 'query'}.${format}`, content);
    } catch (failure) {
      setError(failure);
    }
  };
  const insert = (text: string) => {
    const box = area.current;
    if (!box) return;
    const at = box.selectionStart;
    setSql(sql.slice(0, at) + text + sql.slice(box.selectionEnd));
    requestAnimationFrame(() => {
      box.focus();
      box.setSelectionRange(at + text.length, at + text.length);
    });
  };
  return (
    <div class="workbench">
      <form noValidate onSubmit={run}>
        <SelectField
          label="Feed"
          value={feed}
          onValue={(value) => look({ feed: value })}
          choices={feeds.map(({ name }) => ({ value: name, label: name }))}
        />
        <SelectField
          label="Question"
          value={question?.name ?? ''}
          onValue={(value) =>
            look({
              ...Object.fromEntries(Object.keys(parameters).map((name) => [`p.${name}`, undefined])),
              question: value,
            })
          }
          choices={[
            { value: '', label: 'SQL of your own' },
            ...(questions.value?.questions ?? []).map(({ name, title }) => ({ value: name, label: title })),
          ]}
          hint={question?.description ?? 'One SELECT; it reads and changes nothing.'}
        />
        <div class="pair">
          <TextField label="From day" value={from} onValue={setFrom} placeholder="2026-11-21" hint="UTC; empty: all." />
          <TextField label="To day" value={to} onValue={setTo} placeholder="2026-11-28" hint="UTC, included." />
        </div>
        {question === undefined ? (
          <AreaField
            label="SQL"
            value={sql}
            onValue={setSql}
            rows={8}
            mono
            hint="Ctrl+Enter runs it."
            box={area}
            onKey={(event) => {
              if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void run(event);
            }}
          />
        ) : (
          <QuestionFields
            question={question}
            values={parameters}
            onValues={(values) => setTyped({ question: question.name, values })}
          />
        )}
        <div class="actions">
          <button class="primary" type="submit" disabled={isRunning}>
            Run
          </button>
          {isRunning && (
            <button type="button" onClick={() => stop.current?.abort()}>
              Cancel
            </button>
          )}
          <button type="button" onClick={() => download('csv')}>
            Download CSV
          </button>
          <button type="button" onClick={() => download('ndjson')}>
            Download NDJSON
          </button>
          <span role="status">{isRunning ? 'Running…' : ''}</span>
        </div>
      </form>
      {question === undefined && (
        <section aria-label="Views and columns">
          <h2>Views and columns</h2>
          <Loaded from={views}>{(value) => <Columns views={value} onPick={insert} />}</Loaded>
        </section>
      )}
      <div class="whole">
        {error !== undefined && <Failure error={error} focus />}
        {answered !== undefined && <Result answered={answered} />}
      </div>
    </div>
  );
}

function QuestionFields({
  question,
  values,
  onValues,
}: {
  readonly question: Question;
  readonly values: Readonly<Record<string, string>>;
  readonly onValues: (values: Readonly<Record<string, string>>) => void;
}) {
  return (
    <>
      {question.parameters.map(({ name, title, type, default: standard }) => (
        <TextField
          key={name}
          label={title}
          path={`parameter.${name}`}
          value={values[name] ?? ''}
          onValue={(value) => onValues({ ...values, [name]: value })}
          placeholder={type === 'instant' ? '2026-11-28' : standard}
          {...(type === 'number' || type === 'integer' ? { inputMode: 'decimal' as const } : {})}
        />
      ))}
      <details>
        <summary>The SQL of this question</summary>
        <Scrolled kind="block" label="SQL">
          <pre>{question.sql}</pre>
        </Scrolled>
      </details>
    </>
  );
}

function Columns({ views: { views }, onPick }: { readonly views: Views; readonly onPick: (text: string) => void }) {
  if (views.length === 0) return <p class="dim">No tables yet.</p>;
  return (
    <>
      {views.map(({ name, columns }, index) => (
        <details key={name} open={index === 0}>
          <summary>
            <Text>{name}</Text>
          </summary>
          <ul class="columns">
            {columns.map((column) => (
              <li key={column.name}>
                <button type="button" class="link" onClick={() => onPick(column.name)}>
                  <Text>{column.name}</Text>
                </button>{' '}
                <span class="dim">
                  <Text>{column.type}</Text>
                </span>
              </li>
            ))}
          </ul>
        </details>
      ))}
    </>
  );
}

function Result({ answered: { columns, rows, end } }: { readonly answered: Answered }) {
  const [all, setAll] = useState(false);
  const plotted = useMemo(() => plotOf(columns, rows), [columns, rows]);
  return (
    <section aria-label="Result">
      {end?.error ? (
        <Message tone="bad" focus>
          <strong>
            <Text>{end.error.code}</Text>
          </strong>
          <p>
            <Text>{end.error.message}</Text>
          </p>
          <p>
            <Text>{end.error.cure}</Text>
          </p>
        </Message>
      ) : (
        <Message tone={end === undefined || end.more || end.skippedFiles > 0 ? 'warn' : 'good'} focus>
          {end === undefined
            ? 'The answer ended before its end: it may lack rows.'
            : `${end.rows.toLocaleString('en')} ${end.rows === 1 ? 'row' : 'rows'} in ${end.seconds.toFixed(1)} s.`}
          {end?.more && ' There are more: these are the first ones; a download holds all.'}
          {end !== undefined &&
            end.skippedFiles > 0 &&
            (end.skippedFiles === 1
              ? ' 1 file could not be read and is not in it.'
              : ` ${end.skippedFiles} files could not be read and are not in it.`)}
        </Message>
      )}
      {plotted !== undefined && <Plot {...plotted} />}
      {rows.length > 0 && (
        <>
          <Scrolled label="Rows">
            <table>
              <thead>
                <tr>
                  {columns.map(({ name, type }, index) => (
                    <th scope="col" key={index} class={typeof rows[0]?.[index] === 'number' ? 'number' : undefined}>
                      <Text>{name}</Text>
                      <div class="dim">
                        <Text>{type}</Text>
                      </div>
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows.slice(0, all ? rows.length : DRAWN).map((row, index) => (
                  <tr key={index}>
                    {row.map((value, column) => (
                      <td key={column} class={typeof value === 'number' ? 'number' : undefined}>
                        <Cell of={value} />
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </Scrolled>
          {!all && rows.length > DRAWN && (
            <button type="button" onClick={() => setAll(true)}>
              Show all {rows.length.toLocaleString('en')} rows
            </button>
          )}
        </>
      )}
      {rows.length === 0 && !end?.error && <p>No rows. Choose more days, or ask less of them.</p>}
    </section>
  );
}

function Cell({ of: value }: { readonly of: Json | undefined }) {
  if (value === null || value === undefined) return <span class="dim">NULL</span>;
  if (typeof value === 'string') return <Text>{value}</Text>;
  if (typeof value === 'number' || typeof value === 'boolean') return <>{String(value)}</>;
  return (
    <details>
      <summary>{Array.isArray(value) ? `list of ${value.length}` : 'object'}</summary>
      <pre class="mono">
        <Text>{JSON.stringify(value, null, 1)}</Text>
      </pre>
    </details>
  );
}

const COLOURS: readonly Series['colour'][] = ['accent', 'warn', 'good', 'bad', 'dim'];

/** Where the first column is a time and others are numbers: those over that time. */
function plotOf(columns: readonly Column[], rows: readonly (readonly Json[])[]) {
  if (rows.length < 2 || !/^(TIMESTAMP|DATE)/i.test(columns[0]?.type ?? '')) return undefined;
  const numbers = columns
    .map(({ name }, index) => ({ name, index }))
    .filter(
      ({ index }) => index > 0 && rows.every((row) => row[index] === null || Number.isFinite(numberOf(row[index]))),
    )
    .filter(({ index }) => rows.some((row) => row[index] !== null))
    .slice(0, COLOURS.length);
  const sorted = rows
    .map((row) => ({
      row,
      time:
        Date.parse(
          String(row[0])
            .replace(' ', 'T')
            .replace(/(T[\d:.]+)$/, '$1Z'),
        ) / 1000,
    }))
    .filter(({ time }) => Number.isFinite(time))
    .toSorted((a, b) => a.time - b.time);
  if (numbers.length === 0 || sorted.length < 2) return undefined;
  return {
    name: `${numbers.map(({ name }) => name).join(', ')} over ${columns[0]?.name}`,
    times: sorted.map(({ time }) => time),
    series: numbers.map(({ name, index }, place) => ({
      label: name,
      values: sorted.map(({ row }) => (row[index] === null ? null : numberOf(row[index]))),
      colour: COLOURS[place] ?? 'dim',
    })),
  };
}

/** Large integers come as text. */
const numberOf = (value: Json | undefined): number =>
  typeof value === 'number'
    ? value
    : typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)
      ? Number(value)
      : Number.NaN;
