/*
 * All feeds, the worst first.
 */

import { useMemo, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { FeedSummary, FeedList as Feeds } from '../answers.js';
import { STATES, type StateCode } from '../state-words.js';
import { feedAddress, segment } from './addresses.js';
import { ask } from './api.js';
import { Frame } from './frame.js';
import { Count, Instant } from './instant.js';
import { Heading, Loaded } from './page.js';
import { usePolled } from './polled.js';
import { Failure } from './problem.js';
import { Provenance } from './provenance.js';
import { SEED_WORDS } from './seed-words.js';
import { useManages, useMay } from './session.js';
import { rankOf, State } from './state.js';
import { Text } from './text.js';
import { formatSpan } from './zone.js';

export function FeedList() {
  const list = usePolled('listFeeds', {}, 5_000);
  const manages = useManages();
  return (
    <Frame
      crumbs={[{ label: 'Data', href: '/feeds' }, { label: 'Data Feeds' }]}
      banners={<Banners list={list.value} />}
    >
      <Heading
        sub={
          manages && (
            <a class="button primary" href="/add/source">
              {SEED_WORDS.add}
            </a>
          )
        }
      >
        Data Feeds
      </Heading>
      <Loaded from={list}>{(value) => <Listed list={value} again={list.again} />}</Loaded>
    </Frame>
  );
}

function Banners({ list }: { readonly list: Feeds | undefined }) {
  if (list === undefined) return null;
  const needy = list.feeds.filter(({ state }) => state.tone === 'bad');
  const causes = new Set(needy.map(({ state }) => state.error));
  const ending = list.feeds.filter(({ keyDaysLeft }) => keyDaysLeft !== null && keyDaysLeft <= 14);
  const paused = list.feeds.filter(({ state }) => state.code === 'paused');
  const common =
    needy.length > 1 && needy.length === list.feeds.length && causes.size === 1 ? needy[0]?.state : undefined;
  return (
    <>
      {needy.length > 0 && (
        <p class="message bad">
          {needy.length === 1 ? '1 feed needs you.' : `${needy.length} feeds need you.`}
          {common?.cure && (
            <>
              {' '}
              All for one reason: <Text>{common.cure}</Text>
            </>
          )}
        </p>
      )}
      {ending.length > 0 && (
        <p class="message warn">
          {ending.length === 1 ? '1 key ends' : `${ending.length} keys end`} within 14 days:{' '}
          {ending.slice(0, 5).map(({ name }, index) => (
            <span key={name}>
              {index > 0 && ', '}
              <a href={feedAddress(name)}>
                <Text>{name}</Text>
              </a>
            </span>
          ))}
        </p>
      )}
      {paused.length > 0 && (
        <p class="message neutral">
          {paused.length === 1 ? '1 feed is paused.' : `${paused.length} feeds are paused.`}
        </p>
      )}
    </>
  );
}

/** What a search looks through. */
const haystack = ({ name, account, description, organization, owners }: FeedSummary) =>
  [name, account, description, organization, ...owners.flatMap((owner) => [owner.name, owner.email])]
    .join(' ')
    .toLowerCase();

function Listed({ list, again }: { readonly list: Feeds; readonly again: () => void }) {
  const { query, route } = useLocation();
  const manages = useManages();
  const wanted = query.state as StateCode | undefined;
  const [text, setText] = useState(query.q ?? '');
  const look = (change: Record<string, string | undefined>) => {
    const all = Object.entries({ ...query, ...change }).filter((pair): pair is [string, string] => Boolean(pair[1]));
    route(`/feeds${all.length === 0 ? '' : `?${new URLSearchParams(all)}`}`, true);
  };
  const counts = useMemo(() => {
    const found = new Map<StateCode, number>();
    for (const { state } of list.feeds) found.set(state.code, (found.get(state.code) ?? 0) + 1);
    return found;
  }, [list]);
  const shown = useMemo(
    () =>
      list.feeds
        .filter((feed) => haystack(feed).includes(text.trim().toLowerCase()))
        .filter(({ state }) => wanted === undefined || state.code === wanted)
        .toSorted((a, b) => rankOf(a.state) - rankOf(b.state) || a.name.localeCompare(b.name, 'en')),
    [list, text, wanted],
  );
  if (list.feeds.length === 0 && list.drafts.length === 0)
    return (
      <div class="empty">
        <h2>No feeds yet</h2>
        <p>
          A data feed collects one JumpCloud organization.{' '}
          {manages ? 'Add the first one here' : 'An administrator adds it here'}, or point <code>feeds.directory</code>{' '}
          at a folder of YAML files.
        </p>
        {manages && (
          <a class="button primary" href="/add/source">
            {SEED_WORDS.add}
          </a>
        )}
        <Removed list={list} again={again} />
      </div>
    );
  return (
    <>
      <search class="filters">
        <label class="grow">
          <span class="hidden">Search by name, account, owner or organization</span>
          <input
            type="search"
            placeholder="Name, account, owner…"
            value={text}
            data-keeps-focus
            onInput={(event) => {
              setText(event.currentTarget.value);
              look({ q: event.currentTarget.value });
            }}
          />
        </label>
        <fieldset class="chips">
          <legend class="hidden">State</legend>
          <button type="button" aria-pressed={wanted === undefined} onClick={() => look({ state: undefined })}>
            All {list.feeds.length}
          </button>
          {[...counts].map(([code, count]) => (
            <button type="button" key={code} aria-pressed={wanted === code} onClick={() => look({ state: code })}>
              {STATES[code].word} {count}
            </button>
          ))}
        </fieldset>
      </search>
      <p role="status" class="dim">
        {shown.length === list.feeds.length ? '' : `${shown.length} of `}
        {list.feeds.length === 1 ? '1 feed' : `${list.feeds.length} feeds`}
      </p>
      <table class="cards">
        <caption class="hidden">Data feeds, the worst first</caption>
        <thead>
          <tr>
            <th scope="col">Feed</th>
            <th scope="col">State</th>
            <th scope="col" class="number">
              Events, 24 h
            </th>
            <th scope="col" class="number">
              Lag
            </th>
            <th scope="col" class="number">
              Missing, 72 h
            </th>
            <th scope="col" class="number">
              Dead letters
            </th>
            <th scope="col">Key</th>
            <th scope="col">Last record</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((feed) => (
            <Row key={feed.name} feed={feed} />
          ))}
        </tbody>
      </table>
      <Drafts list={list} again={again} />
      <Removed list={list} again={again} />
    </>
  );
}

function Row({ feed }: { readonly feed: FeedSummary }) {
  return (
    <tr>
      <th scope="row">
        <a href={feedAddress(feed.name)}>
          <Text>{feed.name}</Text>
        </a>{' '}
        <Provenance of={feed.provenance} />
        {(feed.account || feed.description) && (
          <div class="dim clamp">
            <Text>{[feed.account, feed.description].filter(Boolean).join(': ')}</Text>
          </div>
        )}
        {feed.owners.length > 0 && (
          <div class="dim clamp">
            <Text>{feed.owners.map(({ name }) => name).join(', ')}</Text>
          </div>
        )}
      </th>
      <td data-label="State" class="wide">
        <State state={feed.state} />
      </td>
      <td data-label="Events, 24 h" class="number">
        <Count of={feed.events24h} />
        <Sparkline hours={feed.hours} />
      </td>
      <td data-label="Lag" class="number">
        {feed.lagSeconds === null ? <span class="dim">unknown</span> : formatSpan(feed.lagSeconds)}
      </td>
      <td data-label="Missing, 72 h" class="number">
        <Count of={feed.missing} />
      </td>
      <td data-label="Dead letters" class="number">
        <Count of={feed.deadLetters} />
      </td>
      <td data-label="Key" class="unbroken">
        {keyText(feed.keyDaysLeft)}
      </td>
      <td data-label="Last record">
        <Instant at={feed.lastRecord} />
      </td>
    </tr>
  );
}

const keyText = (days: number | null) =>
  days === null ? <span class="dim">unknown</span> : days < 0 ? `ended ${-days} d ago` : `${days} d left`;

/** The last 24 hours as a line; hours of which nothing is known are gaps. */
function Sparkline({ hours }: { readonly hours: FeedSummary['hours'] }) {
  const most = Math.max(1, ...hours.map((value) => value ?? 0));
  let pen = 'M';
  let path = '';
  hours.forEach((value, index) => {
    if (value === null) pen = 'M';
    else {
      path += `${pen}${index * 4} ${(19 - (value / most) * 18).toFixed(1)}`;
      pen = 'L';
    }
  });
  return (
    <svg class="spark" viewBox="0 0 96 20" width="96" height="20" aria-hidden="true">
      <path d={path} fill="none" stroke="currentColor" stroke-width="1.5" />
    </svg>
  );
}

function Drafts({ list, again }: { readonly list: Feeds; readonly again: () => void }) {
  const manages = useManages();
  const [error, setError] = useState<unknown>();
  if (list.drafts.length === 0) return null;
  return (
    <section>
      <h2>Waiting for a key</h2>
      {error !== undefined && <Failure error={error} />}
      <ul class="rows">
        {list.drafts.map((draft) => (
          <li key={draft.name}>
            <span class="grow">
              <strong>
                <Text>{draft.name}</Text>
              </strong>{' '}
              <State
                state={{ code: 'setup', tone: 'neutral', ...(draft.waitingFor ? { by: draft.waitingFor } : {}) }}
              />
              <span class="dim">
                {' '}
                by <Text>{draft.by}</Text>, <Instant at={draft.at} />
              </span>
            </span>
            {manages && (
              <>
                <a class="button" href={`/add/configuration?draft=${segment(draft.name)}`}>
                  Continue
                </a>
                <button
                  type="button"
                  onClick={() => ask('deleteDraft', { path: { name: draft.name } }).then(again, setError)}
                >
                  Throw away
                </button>
              </>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Removed({ list, again }: { readonly list: Feeds; readonly again: () => void }) {
  const canRestore = useMay('admin');
  const [error, setError] = useState<unknown>();
  if (list.removed.length === 0) return null;
  return (
    <details class="section" open={list.feeds.length === 0}>
      <summary>Removed within 30 days ({list.removed.length})</summary>
      {error !== undefined && <Failure error={error} />}
      <ul class="rows">
        {list.removed.map(({ name, by, at, tablesGo }) => (
          <li key={name}>
            <span class="grow">
              <strong>
                <Text>{name}</Text>
              </strong>{' '}
              <span class="dim">
                removed by <Text>{by}</Text>, <Instant at={at} />
                {tablesGo !== null && (
                  <>
                    ; its tables are deleted <Instant at={tablesGo} />
                  </>
                )}
              </span>
            </span>
            {canRestore && (
              <button type="button" onClick={() => ask('restoreFeed', { path: { name } }).then(again, setError)}>
                Restore
              </button>
            )}
          </li>
        ))}
      </ul>
    </details>
  );
}
