/*
 * What an inventory holds: accounts, and what they are entitled to.
 */
import { useState } from 'preact/hooks';
import type { DirectoryEntry } from '../answers.js';
import { entryAddress, feedAddress } from './addresses.js';
import { open } from './api.js';
import { saveAs } from './download.js';
import type { TabProps } from './feed-page.js';
import { SelectField, TextField } from './form.js';
import { Instant } from './instant.js';
import { Loaded } from './page.js';
import { usePolled } from './polled.js';
import { Failure } from './problem.js';
import { NotWhole } from './rows.js';
import { Text } from './text.js';

type Column = readonly [title: string, value: (entry: DirectoryEntry) => string | null];

export const yesNo = (value: boolean | null) => (value === null ? null : value ? 'yes' : 'no');

/** How each kind is called, and the view that holds it. */
export const KINDS = {
  user: { title: 'User', view: 'users' },
  administrator: { title: 'Administrator', view: 'administrators' },
  group: { title: 'Group', view: 'groups' },
  role: { title: 'Role', view: 'roles' },
  application: { title: 'Application', view: 'applications' },
} as const;

export function Accounts({ name }: TabProps) {
  return (
    <>
      <p class="hint">
        Administrators have no department, job title or manager: JumpCloud keeps none for them. A user and an
        administrator are two accounts, also where they are one person.
      </p>
      <DirectoryList
        feed={name}
        label="Accounts"
        kinds={['user', 'administrator']}
        columns={[
          ['E-mail', ({ email }) => email],
          ['State', ({ state }) => state],
          ['Locked', ({ kind, locked }) => (kind === 'user' ? yesNo(locked) : '–')],
          ['MFA', ({ mfa }) => yesNo(mfa)],
          ['Department', ({ kind, department }) => (kind === 'user' ? department : '–')],
          ['Role', ({ kind, role }) => (kind === 'user' ? '–' : role)],
        ]}
      />
    </>
  );
}

export function Entitlements({ name }: TabProps) {
  return (
    <DirectoryList
      feed={name}
      label="Entitlements"
      kinds={['group', 'role', 'application']}
      columns={[
        ['Description', ({ kind, description }) => (kind === 'group' ? description : '–')],
        ['Members by', ({ kind, method }) => (kind === 'group' ? method : '–')],
      ]}
    />
  );
}

function DirectoryList({
  feed,
  label,
  kinds,
  columns,
}: {
  readonly feed: string;
  readonly label: string;
  readonly kinds: readonly (keyof typeof KINDS)[];
  readonly columns: readonly Column[];
}) {
  const [typed, setTyped] = useState('');
  const [q, setQuery] = useState('');
  const [kind, setKind] = useState('');
  const found = usePolled('directory', { path: { name: feed }, query: { q, kinds: kind || kinds.join(',') } }, 0);
  return (
    <>
      <form
        class="filters"
        onSubmit={(event) => {
          event.preventDefault();
          setQuery(typed);
        }}
      >
        <TextField
          label={`Search ${label.toLowerCase()}`}
          value={typed}
          onValue={setTyped}
          placeholder="Name, e-mail or id"
        />
        <SelectField
          label="Kind"
          value={kind}
          onValue={setKind}
          choices={[{ value: '', label: 'Any kind' }, ...kinds.map((value) => ({ value, label: KINDS[value].title }))]}
        />
        <button type="submit">Search</button>
      </form>
      <Downloads feed={feed} kinds={kinds} />
      <Loaded from={found}>
        {({ entries, more, skippedFiles }) => (
          <>
            <NotWhole more={more} skippedFiles={skippedFiles} cure="Search for a name; a download holds all." />
            <p role="status">
              {entries.length > 0
                ? `${entries.length} ${entries.length === 1 ? 'entry' : 'entries'}.`
                : q === ''
                  ? 'None. The inventory of this feed has delivered nothing of this kind yet.'
                  : 'None is called so.'}
            </p>
            {entries.length === 0 && q === '' && (
              <p>
                See its page <a href={feedAddress(feed, 'settings')}>Settings</a>: <code>inventory.interval</code> says
                how often it is read.
              </p>
            )}
            {entries.length > 0 && (
              <table class="cards">
                <caption class="hidden">{label}</caption>
                <thead>
                  <tr>
                    <th scope="col">Name</th>
                    <th scope="col">Kind</th>
                    {columns.map(([title]) => (
                      <th scope="col" key={title}>
                        {title}
                      </th>
                    ))}
                    <th scope="col">Account</th>
                    <th scope="col">First seen</th>
                  </tr>
                </thead>
                <tbody>
                  {entries.map((entry) => (
                    <tr key={`${entry.kind} ${entry.id}`}>
                      <th scope="row">
                        <a href={entryAddress(feed, entry.kind, entry.id)}>
                          <Text>{entry.name ?? entry.id}</Text>
                        </a>
                      </th>
                      <td data-label="Kind">{KINDS[entry.kind].title}</td>
                      {columns.map(([title, value]) => (
                        <td key={title} data-label={title}>
                          <Value of={value(entry)} />
                        </td>
                      ))}
                      <td data-label="Account">
                        <Text>{entry.account ?? 'unknown'}</Text>
                      </td>
                      <td data-label="First seen">
                        <Instant at={entry.since} distance={false} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )}
          </>
        )}
      </Loaded>
    </>
  );
}

function Downloads({ feed, kinds }: { readonly feed: string; readonly kinds: readonly (keyof typeof KINDS)[] }) {
  const [error, setError] = useState<unknown>();
  const download = async (name: string, asked: Promise<Response>) => {
    setError(undefined);
    try {
      const content = await (await asked).blob().catch(() => {
        throw new Error(
          'The download ended before its end, so nothing was kept. Ask it on the page Query: it says why.',
        );
      });
      saveAs(name, content);
    } catch (failure) {
      setError(failure);
    }
  };
  const headers = { accept: '*/*' };
  return (
    <>
      {error !== undefined && <Failure error={error} focus />}
      <div class="actions">
        {kinds.map((kind) => {
          const { view, title } = KINDS[kind];
          const body = {
            feed,
            sql: `SELECT * FROM ${view} WHERE feed = '${feed.replaceAll("'", "''")}'`,
            format: 'csv-safe' as const,
          };
          return (
            <button
              type="button"
              key={kind}
              onClick={() => download(`${feed}-${view}.csv`, open('query', { body, headers }))}
            >
              {title}s as CSV
            </button>
          );
        })}
        <button
          type="button"
          onClick={() => download(`${feed}.graphml`, open('directoryGraph', { path: { name: feed }, headers }))}
        >
          All as GraphML
        </button>
      </div>
    </>
  );
}

function Value({ of }: { readonly of: string | null }) {
  return of === null ? <span class="dim">unknown</span> : <Text>{of}</Text>;
}
