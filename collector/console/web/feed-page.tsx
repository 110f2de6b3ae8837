/*
 * One feed: how it is, what to do about it, and its tabs.
 */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { useRoute } from 'preact-iso';
import type { FeedStatus, Role } from '../answers.js';
import { feedAddress } from './addresses.js';
import { ask } from './api.js';
import { Completeness } from './feed-completeness.js';
import { DeadLetters } from './feed-dead-letters.js';
import { Accounts, Entitlements } from './feed-directory.js';
import { Findings } from './feed-findings.js';
import { Inventory } from './feed-inventory.js';
import { Late } from './feed-late.js';
import { Log } from './feed-log.js';
import { Overview } from './feed-overview.js';
import { Settings } from './feed-settings.js';
import { Webhook } from './feed-webhook.js';
import { Frame } from './frame.js';
import { JobProgress } from './job.js';
import { MendDialog } from './mend.js';
import { Heading, Loaded } from './page.js';
import { PauseDialog } from './pause.js';
import { type Polled, usePolled } from './polled.js';
import { Failure, Message } from './problem.js';
import { Provenance } from './provenance.js';
import { RenewDialog } from './renew-key.js';
import { SEED_WORDS } from './seed-words.js';
import { useMay } from './session.js';
import { State } from './state.js';
import { Text } from './text.js';

export interface TabProps {
  readonly name: string;
  readonly status: FeedStatus;
  readonly again: () => void;
}

/** The tabs of a feed, in order. A further kind of page of a feed gets its line here. */
const TABS: readonly {
  readonly id: string;
  readonly title: string;
  readonly role: Role;
  readonly page: (props: TabProps) => ComponentChildren;
}[] = [
  { id: '', title: 'Overview', role: 'viewer', page: Overview },
  { id: 'completeness', title: 'Completeness', role: 'viewer', page: Completeness },
  { id: 'late', title: 'Late and repeats', role: 'viewer', page: Late },
  { id: 'dead-letters', title: 'Dead letters', role: 'analyst', page: DeadLetters },
  { id: 'findings', title: 'Findings', role: 'analyst', page: Findings },
  { id: 'accounts', title: 'Accounts', role: 'analyst', page: Accounts },
  { id: 'entitlements', title: 'Entitlements', role: 'analyst', page: Entitlements },
  { id: 'inventory', title: 'Inventory', role: 'viewer', page: Inventory },
  { id: 'webhook', title: 'Webhook', role: 'operator', page: Webhook },
  { id: 'log', title: 'Log', role: 'viewer', page: Log },
  { id: 'settings', title: 'Settings', role: 'viewer', page: Settings },
];

export function FeedPage() {
  const { params } = useRoute();
  const name = params.name ?? '';
  const status = usePolled('feedStatus', { path: { name } }, 5_000);
  const tab = TABS.find(({ id }) => id === (params.tab ?? ''));
  return (
    <Frame
      crumbs={[
        { label: SEED_WORDS.area, href: '/feeds' },
        { label: SEED_WORDS.feeds, href: '/feeds' },
        tab?.id ? { label: name, href: feedAddress(name) } : { label: name },
        ...(tab?.id ? [{ label: tab.title }] : []),
      ]}
    >
      <Heading sub={status.value && <Provenance of={status.value.provenance} />}>{name}</Heading>
      <Loaded from={status}>
        {(value) => (
          <>
            <Headline status={value} again={status.again} />
            <Tabs name={name} here={params.tab ?? ''} />
            {tab === undefined ? <p>There is no such page of a feed.</p> : <Tab of={tab} name={name} status={status} />}
          </>
        )}
      </Loaded>
    </Frame>
  );
}

function Tab({
  of,
  name,
  status,
}: {
  readonly of: (typeof TABS)[number];
  readonly name: string;
  readonly status: Polled<FeedStatus>;
}) {
  const Page = of.page;
  return status.value === undefined ? null : <Page name={name} status={status.value} again={status.again} />;
}

function Tabs({ name, here }: { readonly name: string; readonly here: string }) {
  return (
    <nav class="tabs" aria-label="Pages of this feed">
      <ul>
        {TABS.map((tab) => (
          <TabLink key={tab.id} name={name} tab={tab} isHere={here === tab.id} />
        ))}
      </ul>
    </nav>
  );
}

function TabLink({
  name,
  tab: { id, title, role },
  isHere,
}: {
  readonly name: string;
  readonly tab: (typeof TABS)[number];
  readonly isHere: boolean;
}) {
  return useMay(role) ? (
    <li>
      <a href={feedAddress(name, id)} aria-current={isHere ? 'page' : undefined}>
        {title}
      </a>
    </li>
  ) : null;
}

/** The state as a sentence, what cures it, and what can be done, the fitting one first. */
function Headline({ status, again }: { readonly status: FeedStatus; readonly again: () => void }) {
  const { name, state, view, jobs } = status;
  const [asks, setAsks] = useState<'pause' | 'renew' | 'mend' | undefined>();
  const [error, setError] = useState<unknown>();
  const [job, setJob] = useState<string>();
  const isOperator = useMay('operator');
  const isAdmin = useMay('admin');
  const act = (id: 'resumeFeed' | 'runFeed' | 'restartFeed') => async () => {
    setError(undefined);
    try {
      const answer = await ask(id, { path: { name } });
      if ('id' in answer) setJob(answer.id);
      again();
    } catch (failure) {
      setError(failure);
    }
  };
  const isPaused = state.code === 'paused';
  const keyTrouble = state.code === 'keyEnding' || (state.code === 'failing' && view?.key?.refused === true);
  const first = isPaused ? 'resume' : keyTrouble ? 'renew' : state.code === 'stopped' ? 'restart' : 'run';
  const running = jobs.filter((one) => one.state === 'running' && one.id !== job);
  return (
    <section class="headline" aria-label="State">
      <div role="status" class="sentence">
        <State state={state} />
      </div>
      {state.cure && (
        <p>
          <Text>{state.cure}</Text>
        </p>
      )}
      {(view?.lanes ?? []).some(({ refusedServices }) => refusedServices.length > 0) && (
        <details>
          <summary>Services that JumpCloud refuses</summary>
          <ul>
            {(view?.lanes ?? []).flatMap((lane) =>
              lane.refusedServices.map(({ service, message }) => (
                <li key={`${lane.name} ${service}`}>
                  <Text>{`${service}: ${message}`}</Text>
                </li>
              )),
            )}
          </ul>
        </details>
      )}
      {error !== undefined && <Failure error={error} focus />}
      {isOperator && (
        <div class="actions">
          {isPaused && (
            <button type="button" class={first === 'resume' ? 'primary' : ''} onClick={act('resumeFeed')}>
              Resume
            </button>
          )}
          {isAdmin && (
            <button type="button" class={first === 'renew' ? 'primary' : ''} onClick={() => setAsks('renew')}>
              Renew key…
            </button>
          )}
          {!isPaused && (
            <button
              type="button"
              class={first === 'run' && state.code === 'manual' ? 'primary' : ''}
              onClick={act('runFeed')}
            >
              Run now
            </button>
          )}
          <button type="button" class={first === 'restart' ? 'primary' : ''} onClick={act('restartFeed')}>
            Restart
          </button>
          {!isPaused && (
            <button type="button" onClick={() => setAsks('pause')}>
              Pause…
            </button>
          )}
          <button type="button" onClick={() => setAsks('mend')}>
            Mend…
          </button>
        </div>
      )}
      {job !== undefined && <JobProgress id={job} onEnd={again} key={job} />}
      {running.map((one) => (
        <Message tone="neutral" key={one.id}>
          <Text>{`${one.kind}, asked by ${one.by}: ${one.message}`}</Text>
          {one.progress !== null && ` ${Math.floor(one.progress * 100)} %`}
        </Message>
      ))}
      {asks === 'pause' && <PauseDialog name={name} onClose={() => setAsks(undefined)} onDone={again} />}
      {asks === 'renew' && <RenewDialog status={status} onClose={() => setAsks(undefined)} onDone={again} />}
      {asks === 'mend' && (
        <MendDialog
          name={name}
          onClose={() => setAsks(undefined)}
          onJob={(id) => {
            setJob(id);
            again();
          }}
        />
      )}
    </section>
  );
}
