/*
 * One finding: what it says, whom it is about, and what is known of that person.
 */
import { useRoute } from 'preact-iso';
import type { FindingDetails } from '../answers.js';
import { feedAddress, findingAddress, newActionAddress } from './addresses.js';
import { Facts } from './facts.js';
import { Frame } from './frame.js';
import { Instant } from './instant.js';
import { Heading, Loaded } from './page.js';
import { usePolled } from './polled.js';
import { Message } from './problem.js';
import { SEED_WORDS } from './seed-words.js';
import { useManages } from './session.js';
import { Text, TextBlock } from './text.js';

export function FindingPage() {
  const { params } = useRoute();
  const [name, finding] = [params.name ?? '', params.finding ?? ''];
  const details = usePolled('finding', { path: { name, finding } }, 0);
  return (
    <Frame
      crumbs={[
        { label: SEED_WORDS.area, href: '/feeds' },
        { label: SEED_WORDS.feeds, href: '/feeds' },
        { label: name, href: feedAddress(name) },
        { label: 'Findings', href: feedAddress(name, 'findings') },
        { label: details.value?.title ?? finding },
      ]}
    >
      <Heading>{details.value?.title ?? finding}</Heading>
      <Loaded from={details}>{(value) => <Details feed={name} of={value} />}</Loaded>
    </Frame>
  );
}

function Details({ feed, of }: { readonly feed: string; readonly of: FindingDetails }) {
  const canAct = useManages('operator');
  return (
    <>
      <Facts
        of={[
          ['Severity', of.severity],
          ['Status', of.status],
          ['Rule', of.rule],
          ['Occurrences', of.occurrences === null ? null : String(of.occurrences)],
          ['Account', of.account],
          ['Finding', of.finding],
        ]}
      />
      <p>
        Last <Instant at={of.at} />
      </p>
      {of.user !== null && canAct && (
        <div class="actions">
          <a class="button" href={newActionAddress(feed, { user: of.user })}>
            Plan a response…
          </a>
        </div>
      )}
      <Person feed={feed} of={of} />
      <h2>Evidence</h2>
      {of.evidence === null ? (
        <p>The tables hold no event that this finding names.</p>
      ) : (
        <TextBlock label="The event behind the finding">{JSON.stringify(of.evidence, null, 2)}</TextBlock>
      )}
      <details class="section">
        <summary>The finding as it was delivered</summary>
        <TextBlock label="The finding">{JSON.stringify(of.event, null, 2)}</TextBlock>
      </details>
    </>
  );
}

function Person({ feed, of: { person, finding } }: { readonly feed: string; readonly of: FindingDetails }) {
  if (person === null) return <p>The finding names nobody.</p>;
  const { user, groups, logins, findings, unread } = person;
  const related = findings.filter((one) => one.finding !== finding);
  return (
    <section aria-label="Whom it is about">
      <h2>Whom it is about</h2>
      {unread.length > 0 && (
        <Message tone="warn">
          <p>Not all could be read:</p>
          <ul>
            {unread.map((what) => (
              <li key={what}>
                <Text>{what}</Text>
              </li>
            ))}
          </ul>
        </Message>
      )}
      {user !== null && (
        <Facts
          of={[
            ['User', user.username],
            ['E-mail', user.email],
            ['State', user.state],
            ['Locked', yesNo(user.locked)],
            ['MFA', yesNo(user.mfa)],
            [
              'Administrator account',
              user.administrator === null
                ? 'none is linked'
                : `${user.administrator.id} (${user.administrator.role ?? 'role unknown'})`,
            ],
          ]}
        />
      )}
      <h3>Groups</h3>
      {groups === null ? (
        <p class="dim">unknown</p>
      ) : groups.length === 0 ? (
        <p>None.</p>
      ) : (
        <ul>
          {groups.map((group) => (
            <li key={group}>
              <Text>{group}</Text>
            </li>
          ))}
        </ul>
      )}
      <h3>Logins of the last day</h3>
      {logins.length === 0 ? <p>None.</p> : <Logins of={logins} />}
      <h3>Related findings</h3>
      {related.length === 0 ? (
        <p>None.</p>
      ) : (
        <ul>
          {related.map((one) => (
            <li key={`${one.finding} ${one.at}`}>
              <a href={findingAddress(feed, String(one.finding))}>
                <Text>{String(one.title ?? one.finding)}</Text>
              </a>
              , <Text>{`${one.severity}, ${one.status}`}</Text>, <Instant at={String(one.at)} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

const yesNo = (value: boolean | null) => (value === null ? null : value ? 'yes' : 'no');

const LOGIN_COLUMNS = [
  ['event_code', 'Event'],
  ['activity_name', 'Activity'],
  ['status', 'Outcome'],
  ['ip', 'Address'],
] as const;

function Logins({ of: logins }: { readonly of: NonNullable<FindingDetails['person']>['logins'] }) {
  return (
    <table class="cards">
      <caption class="hidden">Logins of the last day</caption>
      <thead>
        <tr>
          <th scope="col">When</th>
          {LOGIN_COLUMNS.map(([, title]) => (
            <th scope="col" key={title}>
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {logins.map((login, index) => (
          <tr key={index}>
            <th scope="row">
              <Instant at={String(login.at)} />
            </th>
            {LOGIN_COLUMNS.map(([column, title]) => (
              <td key={column} data-label={title}>
                <Text>{String(login[column] ?? 'unknown')}</Text>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
