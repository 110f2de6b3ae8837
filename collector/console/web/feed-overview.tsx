/*
 * A feed at a glance: the road with numbers that add up, activity over time, the key's life, the position.
 */

import { useMemo } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { Activity, FeedStatus } from '../answers.js';
import { feedAddress } from './addresses.js';
import { Facts } from './facts.js';
import type { TabProps } from './feed-page.js';
import { Count, Instant } from './instant.js';
import { Loaded } from './page.js';
import { Plot, type Series } from './plot.js';
import { usePolled } from './polled.js';
import { Message } from './problem.js';
import { useMay } from './session.js';
import { Text, TextBlock } from './text.js';
import { formatInstant, formatSpan, useZone } from './zone.js';

const RANGES = ['1h', '24h', '7d', '90d'] as const;

export function Overview({ name, status }: TabProps) {
  const { query } = useLocation();
  const range = RANGES.find((one) => one === query.range) ?? '24h';
  const activity = usePolled('feedActivity', { path: { name }, query: { range } }, 10_000);
  const isAnalyst = useMay('analyst');
  return (
    <>
      <nav aria-label="Range" class="chips">
        {RANGES.map((one) => (
          <a
            key={one}
            class="button"
            href={`${feedAddress(name)}?range=${one}`}
            aria-current={one === range ? 'true' : undefined}
            data-keeps-focus
          >
            {one}
          </a>
        ))}
      </nav>
      <Loaded from={activity}>
        {(value) => (
          <>
            <Road activity={value} sink={status.view?.sink.kind ?? 'destination'} range={range} />
            <ActivityPlot activity={value} range={range} />
          </>
        )}
      </Loaded>
      <div class="cards-row">
        <KeyCard status={status} />
        <PositionCard status={status} />
        <FeedCard status={status} />
      </div>
      <Errors status={status} />
      {isAnalyst && <Samples name={name} />}
    </>
  );
}

/** The sum of a series; undefined where nothing of it is known. */
function total(values: readonly (number | null)[] | undefined): number | undefined {
  const known = (values ?? []).filter((value) => value !== null);
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0);
}

/** What came from JumpCloud, and what became of it: the parts add up to the whole. */
function Road({
  activity,
  sink,
  range,
}: {
  readonly activity: Activity;
  readonly sink: string;
  readonly range: string;
}) {
  const { series } = activity;
  const of = (name: string) => total(series[name]);
  const received = of('received');
  const parts = ['events', 'deadLetters', 'raw', 'duplicates', 'notSelected'].map((name) => of(name));
  const sum = parts.every((part) => part !== undefined) ? parts.reduce((one, other) => one + other, 0) : undefined;
  return (
    <section aria-label={`The road, last ${range}`}>
      <ol class="road">
        <Box title="Received" value={received} help="Records that JumpCloud’s answers held, repeats included." />
        <Box
          title="Repeats"
          value={of('duplicates')}
          help="Records that were read before: each search reaches back, so that late ones are found."
        />
        <Box
          title="Not selected"
          value={of('notSelected')}
          help="Of event types that this feed does not collect: counted, not delivered."
        />
        <Box
          title="Kept raw"
          value={of('raw')}
          help="Of classes that this feed does not deliver as events: their text is kept."
        />
        <Box
          title="Dead letters"
          value={of('deadLetters')}
          help="Records that could not become a valid event: kept with their text and the reason."
        />
        <Box title={`Events to ${sink}`} value={of('events')} help="Valid OCSF events, committed." />
      </ol>
      {received !== undefined && sum !== undefined && received !== sum && (
        <Message tone="bad">
          These numbers do not add up: {received.toLocaleString('en')} received, {sum.toLocaleString('en')} accounted
          for. This must not happen: please report it with the log.
        </Message>
      )}
      {received !== undefined && received === sum && (
        <p class="hint">
          {received.toLocaleString('en')} received = events + dead letters + kept raw + repeats + not selected.
        </p>
      )}
    </section>
  );
}

function Box({
  title,
  value,
  help,
}: {
  readonly title: string;
  readonly value: number | undefined;
  readonly help: string;
}) {
  return (
    <li>
      <span class="dim">{title}</span>
      <strong>
        <Count of={value} />
      </strong>
      <details>
        <summary>
          What is this?<span class="hidden"> {title}</span>
        </summary>
        <span class="hint">{help}</span>
      </details>
    </li>
  );
}

function ActivityPlot({ activity, range }: { readonly activity: Activity; readonly range: string }) {
  const zone = useZone();
  const { from, step, series, marks, silenceLimitSeconds } = activity;
  const length = Math.max(0, ...Object.values(series).map((values) => values.length));
  const times = useMemo(() => {
    const start = Math.floor(Date.parse(from) / 1000);
    return Array.from({ length }, (_, index) => start + index * step);
  }, [from, step, length]);
  const drawn = useMemo<Series[]>(() => {
    const line = (name: string, label: string, colour: Series['colour']): Series[] =>
      series[name] === undefined ? [] : [{ label, values: series[name], colour }];
    return [
      ...line('events', 'Events', 'accent'),
      ...line('deadLetters', 'Dead letters', 'bad'),
      ...line('late', 'Late', 'warn'),
    ];
  }, [activity]);
  if (length === 0) return <p class="dim">Nothing is known of this range yet.</p>;
  return (
    <>
      <Plot
        name={`Activity per ${step >= 3600 ? 'hour' : 'minute'}, last ${range}; gaps are times of which nothing is known`}
        times={times}
        series={drawn}
        marks={marks}
      />
      {silenceLimitSeconds !== null && (
        <p class="hint">The feed calls itself silent after {formatSpan(silenceLimitSeconds)} without a new record.</p>
      )}
      {marks.length > 0 && (
        <details>
          <summary>Changes in this range ({marks.length})</summary>
          <ul>
            {marks.map(({ at, kind, text }) => (
              <li key={`${at} ${text}`}>
                {formatInstant(at, zone)}: <Text>{`${kind}: ${text}`}</Text>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function KeyCard({ status: { view } }: { readonly status: FeedStatus }) {
  const key = view?.key;
  return (
    <section class="card">
      <h2>Key</h2>
      {key ? (
        <>
          <p>
            <Text>{key.description}</Text>
          </p>
          <Facts
            of={[
              ['Key', <Text key="k">{`…${key.lastFour}`}</Text>],
              ['Created', <Instant key="c" at={key.createdAt} />],
              ['Ends', <Instant key="e" at={key.expiresAt} />],
              ['Known by', <Text key="b">{`${key.basis}${key.certain ? '' : '; it may end sooner'}`}</Text>],
              ['Header', view.authorization.used ?? 'not used yet'],
            ]}
          />
          {key.refused && <Message tone="bad">JumpCloud refuses this key.</Message>}
        </>
      ) : (
        <p class="dim">Nothing is known of the key yet.</p>
      )}
    </section>
  );
}

function PositionCard({ status: { view } }: { readonly status: FeedStatus }) {
  const lane = view?.lanes.find(({ name }) => name === 'live') ?? view?.lanes[0];
  return (
    <section class="card">
      <h2>Position</h2>
      {lane ? (
        <Facts
          of={[
            ['Everything is read up to', <Instant key="s" at={lane.position?.settled} />],
            ['Newest record', <Instant key="n" at={lane.position?.newest} />],
            ['The feed begins at', <Instant key="o" at={lane.position?.origin} distance={false} />],
            ['Last commit', <Instant key="c" at={lane.lastCommit} />],
            ['Next poll', <Instant key="p" at={lane.nextPoll} />],
            ['Lag', lane.lagSeconds === null ? 'unknown' : formatSpan(lane.lagSeconds)],
          ]}
        />
      ) : (
        <p class="dim">It has not run in this process yet.</p>
      )}
    </section>
  );
}

function FeedCard({ status: { view } }: { readonly status: FeedStatus }) {
  return (
    <section class="card">
      <h2>Feed</h2>
      <Facts
        of={[
          ['Organization', view?.organization ? <Text key="o">{view.organization}</Text> : 'unknown'],
          ['Source', view ? <Text key="s">{view.source.baseUrl}</Text> : 'unknown'],
          ['Event types', view?.source.eventTypes.join(', ') ?? 'unknown'],
          ['Destination', view ? <Text key="d">{`${view.sink.kind}: ${view.sink.target}`}</Text> : 'unknown'],
          ['Delivery', view?.sink.guarantee.replaceAll('_', ' ') ?? 'unknown'],
          ['Clock against JumpCloud’s', view?.clockSkewSeconds == null ? 'unknown' : `${view.clockSkewSeconds} s`],
        ]}
      />
    </section>
  );
}

function Errors({ status: { view } }: { readonly status: FeedStatus }) {
  if (view === null || view.errors.length === 0) return null;
  return (
    <details class="section">
      <summary>The last failures ({view.errors.length})</summary>
      <ul class="plain">
        {view.errors.map((error) => (
          <li key={`${error.first} ${error.code}`} class="finding">
            <div>
              <strong>
                <Text>{error.code}</Text>
              </strong>{' '}
              {error.times > 1 && `${error.times} times, `}
              last <Instant at={error.last} />
              <p>
                <Text>{error.message}</Text>
              </p>
              <p class="hint">
                <Text>{error.cure}</Text>
              </p>
            </div>
          </li>
        ))}
      </ul>
    </details>
  );
}

function Samples({ name }: { readonly name: string }) {
  const samples = usePolled('feedSamples', { path: { name } }, 0);
  return (
    <details class="section">
      <summary>Latest events</summary>
      <Loaded from={samples}>
        {({ events, elsewhere }) => (
          <>
            {elsewhere !== null && (
              <p>
                <Text>{elsewhere}</Text>
              </p>
            )}
            {events.length === 0 && elsewhere === null && <p>None yet.</p>}
            {events.map((event, index) => (
              <TextBlock key={JSON.stringify(event).slice(0, 200)} label={`Event ${index + 1}`}>
                {JSON.stringify(event, null, 2)}
              </TextBlock>
            ))}
            <button type="button" onClick={samples.again}>
              Look again
            </button>
          </>
        )}
      </Loaded>
    </details>
  );
}
