import { useState } from 'preact/hooks';
import type { Verb } from '../../response/verbs.js';
import type { ApiToken, NewApiToken, Role } from '../answers.js';
import { ask } from './api.js';
import { Columns } from './columns.js';
import { Confirm } from './confirm.js';
import { CopyButton } from './copy-as-panel.js';
import { ChoiceField, SelectField, TextField } from './form.js';
import { ErrorSummary, errorsOf } from './form-errors.js';
import { Frame } from './frame.js';
import { Instant } from './instant.js';
import { Heading, Loaded } from './page.js';
import { usePolled } from './polled.js';
import { Message } from './problem.js';
import { Text, TextBlock, visible } from './text.js';
import { ROLES } from './users-page.js';

const VERBS: readonly Verb[] = ['disable-user', 'enable-user', 'add-to-group', 'remove-from-group', 'expire-password'];

/** Hours that the token before *Rotate* is taken for. */
const OVERLAP_HOURS = 24;

export function TokensPage() {
  const tokens = usePolled('listTokens', {}, 0);
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const [days, setDays] = useState('90');
  const [verbs, setVerbs] = useState<readonly Verb[]>([]);
  const [made, setMade] = useState<NewApiToken>();
  const [revoking, setRevoking] = useState<ApiToken>();
  const [error, setError] = useState<unknown>();
  const act = async (work: Promise<NewApiToken | undefined>) => {
    setError(undefined);
    try {
      setMade(await work);
      tokens.again();
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <Frame crumbs={[{ label: 'Data', href: '/feeds' }, { label: 'API tokens' }]}>
      <Heading>API tokens</Heading>
      <p class="hint">
        For programs such as Terraform, sent as <code>Authorization: Bearer</code>. The API describes itself at{' '}
        <code>/api/v1/openapi.json</code>.
      </p>
      {made !== undefined && (
        <Message tone="good" focus>
          <p>
            The token <Text>{made.name}</Text>. Copy it now: it is not shown again.
          </p>
          <TextBlock label="Token">{made.token}</TextBlock>
          <CopyButton text={() => made.token} />
        </Message>
      )}
      {error !== undefined && <ErrorSummary error={error} />}
      <Loaded from={tokens}>
        {(value) =>
          value.tokens.length === 0 ? (
            <p>None yet.</p>
          ) : (
            <table class="cards">
              <caption class="hidden">API tokens</caption>
              <Columns of={['Name', 'Role', 'Created', 'Ends', 'Last used']} actions />
              <tbody>
                {value.tokens.map((token) => (
                  <tr key={token.id}>
                    <th scope="row">
                      <Text>{token.name}</Text>
                    </th>
                    <td data-label="Role">
                      {token.role}
                      {token.verbs.length > 0 && <div class="dim">may {token.verbs.join(', ')}</div>}
                    </td>
                    <td data-label="Created">
                      <Instant at={token.createdAt} distance={false} /> by <Text>{token.createdBy}</Text>
                    </td>
                    <td data-label="Ends">{token.expires === null ? 'never' : <Instant at={token.expires} />}</td>
                    <td data-label="Last used">
                      {token.lastUsed === null ? <span class="dim">not yet</span> : <Instant at={token.lastUsed} />}
                      {token.overlapUntil !== null && (
                        <div class="dim">
                          The one before is taken until <Instant at={token.overlapUntil} />
                        </div>
                      )}
                    </td>
                    <td class="wide">
                      <button
                        type="button"
                        aria-label={`Rotate ${visible(token.name)}`}
                        onClick={() =>
                          act(ask('rotateToken', { path: { id: token.id }, body: { overlapHours: OVERLAP_HOURS } }))
                        }
                      >
                        Rotate
                      </button>{' '}
                      <button
                        type="button"
                        class="danger"
                        aria-label={`Revoke ${visible(token.name)}`}
                        onClick={() => setRevoking(token)}
                      >
                        Revoke
                      </button>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )
        }
      </Loaded>
      {revoking !== undefined && (
        <Confirm
          title={`Revoke ${revoking.name}`}
          text="Programs that use it are refused from now on."
          verb="Revoke"
          onYes={() => act(ask('deleteToken', { path: { id: revoking.id } }))}
          onClose={() => setRevoking(undefined)}
        />
      )}
      <h2>New token</h2>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void act(ask('createToken', { body: { name, role, verbs, ...(days === '' ? {} : { days: Number(days) }) } }));
        }}
      >
        <TextField
          label="Name"
          path="name"
          value={name}
          onValue={setName}
          hint="Of the program that uses it: feeds say who changed them."
          error={errorsOf(error).get('name')}
          required
        />
        <SelectField label="Role" value={role} onValue={(value) => setRole(value as Role)} choices={ROLES} />
        <TextField
          label="Days until it ends"
          path="days"
          value={days}
          onValue={setDays}
          hint="Empty: never."
          inputMode="numeric"
          error={errorsOf(error).get('days')}
        />
        {(role === 'operator' || role === 'admin') && (
          <ChoiceField
            label="Actions of response"
            hint="What the program may plan and run. It never approves: that is a person’s."
            choices={VERBS.map((verb) => ({ value: verb, label: verb }))}
            chosen={verbs}
            onChosen={(chosen) => setVerbs(VERBS.filter((verb) => chosen.includes(verb)))}
          />
        )}
        <div class="actions">
          <button class="primary" type="submit">
            Make a token
          </button>
        </div>
      </form>
      <p class="hint">
        Rotate makes a new secret; the one before is taken for {OVERLAP_HOURS} hours more. Revoke ends it at once.
      </p>
    </Frame>
  );
}
