/*
 * One account or entitlement: what it belongs to, what belongs to it, and since when.
 */
import { useRoute } from 'preact-iso';
import type { DirectoryEntryDetails, DirectoryRelation } from '../answers.js';
import { entryAddress, feedAddress, newActionAddress } from './addresses.js';
import { Facts } from './facts.js';
import { KINDS, yesNo } from './feed-directory.js';
import { Frame } from './frame.js';
import { Instant } from './instant.js';
import { Heading, Loaded } from './page.js';
import { usePolled } from './polled.js';
import { NotWhole } from './rows.js';
import { SEED_WORDS } from './seed-words.js';
import { useManages } from './session.js';
import { Text } from './text.js';

export function EntryPage() {
  const { params } = useRoute();
  const { name = '', kind = '', id = '' } = params;
  const details = usePolled('directoryEntry', { path: { name, kind, id } }, 0);
  const isAccount = kind === 'user' || kind === 'administrator';
  const title = details.value?.entry.name ?? id;
  return (
    <Frame
      crumbs={[
        { label: SEED_WORDS.area, href: '/feeds' },
        { label: SEED_WORDS.feeds, href: '/feeds' },
        { label: name, href: feedAddress(name) },
        isAccount
          ? { label: 'Accounts', href: feedAddress(name, 'accounts') }
          : { label: 'Entitlements', href: feedAddress(name, 'entitlements') },
        { label: title },
      ]}
    >
      <Heading>{title}</Heading>
      <Loaded from={details}>{(value) => <Details feed={name} of={value} />}</Loaded>
    </Frame>
  );
}

function Details({ feed, of }: { readonly feed: string; readonly of: DirectoryEntryDetails }) {
  const { entry, relations, more, skippedFiles } = of;
  const own: Record<string, readonly (readonly [string, string | null])[]> = {
    user: [
      ['E-mail', entry.email],
      ['State', entry.state],
      ['Locked', yesNo(entry.locked)],
      ['MFA', yesNo(entry.mfa)],
      ['Department', entry.department],
      ['Linked administrator', entry.administrator_id ?? 'none'],
    ],
    administrator: [
      ['E-mail', entry.email],
      ['State', entry.state ?? 'not suspended'],
      ['MFA', yesNo(entry.mfa)],
      ['Role', entry.role],
    ],
    group: [
      ['Description', entry.description],
      ['Members by', entry.method],
    ],
  };
  const canAct = useManages('operator');
  const present = relations.filter(({ ended }) => ended === null);
  /** The membership that the entry and a related one make; undefined: they make none that response can change. */
  const membership = (row: DirectoryRelation): Membership | undefined => {
    if (!canAct) return undefined;
    if (entry.kind === 'user' && row.kind === 'group') return { user: entry.id, group: row.id };
    return entry.kind === 'group' && row.kind === 'user' ? { user: row.id, group: entry.id } : undefined;
  };
  const past = relations.filter(({ ended }) => ended !== null);
  return (
    <>
      <Facts
        of={[
          ['Kind', KINDS[entry.kind].title],
          ['Id', entry.id],
          ['Account', entry.account],
          ...(own[entry.kind] ?? []),
        ]}
      />
      <p>
        First seen <Instant at={entry.since} />
      </p>
      {entry.kind === 'administrator' && (
        <p class="hint">No department, job title or manager: JumpCloud keeps none for administrators.</p>
      )}
      {canAct && (entry.kind === 'user' || entry.kind === 'group') && (
        <div class="actions">
          <a class="button" href={newActionAddress(feed, { verb: 'add-to-group', [entry.kind]: entry.id })}>
            {entry.kind === 'user' ? 'Grant a group…' : 'Grant to a user…'}
          </a>
          {entry.kind === 'user' && (
            <a class="button" href={newActionAddress(feed, { user: entry.id })}>
              Plan a response…
            </a>
          )}
        </div>
      )}
      <NotWhole
        more={more}
        skippedFiles={skippedFiles}
        cure="Ask on the page Query: the views memberships and assignments hold all."
      />
      <Relations
        feed={feed}
        title="Belongs to, or may use"
        rows={present.filter(({ direction }) => direction === 'from')}
        membership={membership}
      />
      <Relations
        feed={feed}
        title="Members, holders and users"
        rows={present.filter(({ direction }) => direction === 'to')}
        membership={membership}
      />
      {past.length > 0 && <Relations feed={feed} title="What was so before" rows={past} />}
    </>
  );
}

interface Membership {
  readonly user: string;
  readonly group: string;
}

function Relations({
  feed,
  title,
  rows,
  membership = () => undefined,
}: {
  readonly feed: string;
  readonly title: string;
  readonly rows: readonly DirectoryRelation[];
  /** What can be revoked of a row. */
  readonly membership?: (row: DirectoryRelation) => Membership | undefined;
}) {
  const isPast = rows.some(({ ended }) => ended !== null);
  const isRevocable = rows.some((row) => membership(row) !== undefined);
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      {rows.length === 0 ? (
        <p>None.</p>
      ) : (
        <table class="cards">
          <caption class="hidden">{title}</caption>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Kind</th>
              <th scope="col">Since</th>
              {isPast && <th scope="col">Until</th>}
              {isRevocable && <th scope="col">Entitlement</th>}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={`${row.direction} ${row.kind} ${row.id} ${row.ended}`}>
                <th scope="row">
                  {row.name === null ? (
                    <>
                      <Text>{row.id}</Text> <span class="dim">(not listed now)</span>
                    </>
                  ) : (
                    <a href={entryAddress(feed, row.kind, row.id)}>
                      <Text>{row.name}</Text>
                    </a>
                  )}
                </th>
                <td data-label="Kind">{KINDS[row.kind].title}</td>
                <td data-label="Since">
                  <Instant at={row.since} />
                </td>
                {isPast && (
                  <td data-label="Until">
                    <Instant at={row.ended} />
                  </td>
                )}
                {isRevocable && (
                  <td data-label="Entitlement">
                    <Revoke feed={feed} of={membership(row)} name={row.name ?? row.id} />
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Revoke({
  feed,
  of,
  name,
}: {
  readonly feed: string;
  readonly of: Membership | undefined;
  readonly name: string;
}) {
  if (of === undefined) return <span class="dim">–</span>;
  return (
    <a href={newActionAddress(feed, { verb: 'remove-from-group', ...of })}>
      Revoke… <span class="hidden">{name}</span>
    </a>
  );
}
