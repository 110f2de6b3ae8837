import { useState } from 'preact/hooks';
import type { Invitation, Role } from '../answers.js';
import { ask } from './api.js';
import { Columns } from './columns.js';
import { Confirm } from './confirm.js';
import { CopyButton } from './copy-as-panel.js';
import { SelectField, TextField } from './form.js';
import { ErrorSummary, errorsOf } from './form-errors.js';
import { Frame } from './frame.js';
import { Instant } from './instant.js';
import { Heading, Loaded } from './page.js';
import { usePolled } from './polled.js';
import { Message } from './problem.js';
import { Text, TextBlock, visible } from './text.js';

export const ROLES: readonly { readonly value: Role; readonly label: string }[] = [
  { value: 'viewer', label: 'viewer: how feeds are, no record' },
  { value: 'analyst', label: 'analyst: and queries, records, dead letters' },
  { value: 'operator', label: 'operator: and pause, run, read again, replay, respond' },
  { value: 'admin', label: 'admin: and feeds, keys, users, audit' },
];

export function UsersPage() {
  const users = usePolled('listUsers', {}, 0);
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const [invitation, setInvitation] = useState<Invitation>();
  const [leaving, setLeaving] = useState<string>();
  const [error, setError] = useState<unknown>();
  const invite = async (body: { readonly name: string; readonly role: Role }) => {
    setError(undefined);
    try {
      setInvitation(await ask('inviteUser', { body }));
      setName('');
      users.again();
    } catch (failure) {
      setError(failure);
    }
  };
  const act = (work: Promise<unknown>) => work.then(users.again, setError);
  return (
    <Frame crumbs={[{ label: 'Data', href: '/feeds' }, { label: 'Users' }]}>
      <Heading>Users</Heading>
      {invitation !== undefined && (
        <Message tone="good" focus>
          <p>
            A link for <Text>{invitation.user}</Text>, once, until <Instant at={invitation.expires} />. Send it by a
            channel that only this person reads; it is not shown again.
          </p>
          <TextBlock label="One-time link">{invitation.link}</TextBlock>
          <CopyButton text={() => invitation.link} label="Copy link" />
        </Message>
      )}
      {error !== undefined && <ErrorSummary error={error} />}
      <Loaded from={users}>
        {(value) => (
          <table class="cards">
            <caption class="hidden">Users of this console</caption>
            <Columns of={['Name', 'Role', 'Created', 'Last login']} actions />
            <tbody>
              {value.users.map((user) => (
                <tr key={user.name}>
                  <th scope="row">
                    <Text>{user.name}</Text>
                    {user.invited && (
                      <>
                        {' '}
                        <span class="badge">invited</span>
                      </>
                    )}
                  </th>
                  <td data-label="Role">
                    <select
                      aria-label={`Role of ${visible(user.name)}`}
                      value={user.role}
                      onChange={(event) =>
                        act(
                          ask('changeUser', {
                            path: { name: user.name },
                            body: { role: event.currentTarget.value as Role },
                          }),
                        )
                      }
                    >
                      {ROLES.map((one) => (
                        <option key={one.value}>{one.value}</option>
                      ))}
                    </select>
                  </td>
                  <td data-label="Created">
                    <Instant at={user.createdAt} distance={false} />
                  </td>
                  <td data-label="Last login">
                    {user.lastLogin === null ? <span class="dim">never seen</span> : <Instant at={user.lastLogin} />}
                  </td>
                  <td class="wide">
                    <button
                      type="button"
                      aria-label={`New link for ${visible(user.name)}`}
                      onClick={() => invite({ name: user.name, role: user.role })}
                    >
                      New link
                    </button>{' '}
                    <button
                      type="button"
                      class="danger"
                      aria-label={`Remove ${visible(user.name)}`}
                      onClick={() => setLeaving(user.name)}
                    >
                      Remove
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Loaded>
      {leaving !== undefined && (
        <Confirm
          title={`Remove ${leaving}`}
          text="This ends all sessions of this user at once. What the user did stays in the audit; API tokens that were made stay too."
          verb="Remove"
          onYes={() => act(ask('removeUser', { path: { name: leaving } }))}
          onClose={() => setLeaving(undefined)}
        />
      )}
      <h2>Invite</h2>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void invite({ name, role });
        }}
      >
        <TextField
          label="User name"
          path="name"
          value={name}
          onValue={setName}
          hint="As JumpCloud knows the person, or the e-mail address: response tells by it who acts on whom."
          error={errorsOf(error).get('name')}
          required
        />
        <SelectField label="Role" value={role} onValue={(value) => setRole(value as Role)} choices={ROLES} />
        <div class="actions">
          <button class="primary" type="submit">
            Make a one-time link
          </button>
        </div>
      </form>
    </Frame>
  );
}
