/*
 * Response: what was planned and done, and with which service account.
 */
import { useState } from 'preact/hooks';
import type { ActionState, FeedResponse, ResponseList } from '../answers.js';
import { ACTION_STATES, ActionStateText, Target, verbTitle } from './action-words.js';
import { actionAddress, newActionAddress } from './addresses.js';
import { SelectField } from './form.js';
import { Frame } from './frame.js';
import { Instant } from './instant.js';
import { Heading, Loaded } from './page.js';
import { usePolled } from './polled.js';
import { Message } from './problem.js';
import { SEED_WORDS } from './seed-words.js';
import { ServiceAccountCard } from './service-account.js';
import { useManages } from './session.js';
import { Text, visible } from './text.js';

export function ResponsePage() {
  const response = usePolled('listResponse', {}, 30_000);
  return (
    <Frame crumbs={[{ label: SEED_WORDS.area, href: '/feeds' }, { label: SEED_WORDS.response }]}>
      <Heading>{SEED_WORDS.response}</Heading>
      <p class="hint">
        Disables and enables users, changes members of groups, and forces password resets at JumpCloud. Everything is a
        plan first: nothing is sent until somebody runs it.
      </p>
      <Loaded from={response}>
        {(value) =>
          value.feeds.length === 0 ? <p>There is no feed yet.</p> : <Feeds of={value} again={response.again} />
        }
      </Loaded>
    </Frame>
  );
}

function Feeds({ of, again }: { readonly of: ResponseList; readonly again: () => void }) {
  const [chosen, setChosen] = useState<string>();
  const first = of.feeds.find(({ allow }) => allow.length > 0) ?? of.feeds[0]!;
  const feed = of.feeds.find((one) => one.feed === chosen) ?? first;
  return (
    <>
      {of.feeds.length > 1 && (
        <SelectField
          label="Feed"
          value={feed.feed}
          onValue={setChosen}
          choices={of.feeds.map(({ feed: name }) => ({ value: name, label: name }))}
        />
      )}
      {feed.stopped && (
        <Message tone="warn">
          The kill switch is on: nothing is executed until the file of <code>respond.killSwitch</code> is removed.
        </Message>
      )}
      <Allowed of={feed} />
      <History key={feed.feed} feed={feed} verbs={of.verbs} />
      <ServiceAccountCard key={`account ${feed.feed}`} of={feed} again={again} />
    </>
  );
}

function Allowed({ of: { feed, allow, groups, actionsPerHour } }: { readonly of: FeedResponse }) {
  const canAct = useManages('operator');
  if (allow.length === 0)
    return (
      <p>
        Response of <Text>{feed}</Text> is off. What it may do is set in the operator’s own files:{' '}
        <code>respond.allow</code>.
      </p>
    );
  return (
    <>
      <p>
        It may <Text>{allow.join(', ')}</Text>, at most {actionsPerHour} actions per hour
        {groups.length > 0 && (
          <>
            , in the groups <Text>{groups.join(', ')}</Text>
          </>
        )}
        . What it may do is set in the operator’s own files.
      </p>
      {canAct && (
        <p>
          <a class="button primary" href={newActionAddress(feed)}>
            Plan an action
          </a>
        </p>
      )}
    </>
  );
}

function History({ feed: { feed }, verbs }: { readonly feed: FeedResponse; readonly verbs: ResponseList['verbs'] }) {
  const actions = usePolled('listActions', { path: { name: feed } }, 5_000);
  const [state, setState] = useState('');
  return (
    <section>
      <h2>Actions</h2>
      <Loaded from={actions}>
        {({ actions: all, chain }) => {
          const shown = all.filter((action) => state === '' || action.state === state);
          return (
            <>
              {!chain.intact && (
                <Message tone="bad">
                  The journal of response is broken
                  <Text>{chain.broken === null ? '' : `: ${chain.broken.file}, line ${chain.broken.line}`}</Text>.
                  Nothing is executed. Keep it as evidence.
                </Message>
              )}
              {all.length === 0 ? (
                <p>No action has been planned yet.</p>
              ) : (
                <>
                  <SelectField
                    label="State"
                    value={state}
                    onValue={setState}
                    choices={[
                      { value: '', label: 'All' },
                      ...(Object.keys(ACTION_STATES) as ActionState[]).map((one) => ({
                        value: one,
                        label: ACTION_STATES[one].word,
                      })),
                    ]}
                  />
                  <p role="status" class="dim">
                    {shown.length === 1 ? '1 action' : `${shown.length} actions`}; the journal’s chain{' '}
                    {chain.intact ? 'is whole' : 'is broken'}.
                  </p>
                  <table class="cards">
                    <caption class="hidden">Actions, newest first</caption>
                    <thead>
                      <tr>
                        <th scope="col">Action</th>
                        <th scope="col">Target</th>
                        <th scope="col">State</th>
                        <th scope="col">Planned</th>
                        <th scope="col">Reason</th>
                      </tr>
                    </thead>
                    <tbody>
                      {shown.map((action) => (
                        <tr key={action.actionId}>
                          <th scope="row">
                            <a
                              href={actionAddress(feed, action.actionId)}
                              aria-label={visible(`${action.verb}, ${action.user.username}, ${action.plannedAt}`)}
                            >
                              {verbTitle(action.verb, verbs)}
                            </a>
                          </th>
                          <td data-label="Target">
                            <Target of={action} />
                          </td>
                          <td data-label="State">
                            <ActionStateText of={action.state} />
                          </td>
                          <td data-label="Planned">
                            <Instant at={action.plannedAt} /> by <Text>{action.requester}</Text>
                          </td>
                          <td data-label="Reason">
                            <Text>
                              {action.ticket === undefined ? action.reason : `${action.reason} (${action.ticket})`}
                            </Text>
                          </td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                </>
              )}
            </>
          );
        }}
      </Loaded>
    </section>
  );
}
