/*
 * The service account of response: its secret goes to the server and never comes back.
 */
import { useState } from 'preact/hooks';
import type { FeedDocument, FeedResponse, Json, ResponseTest } from '../answers.js';
import { ask, call } from './api.js';
import { Dialog } from './dialog.js';
import { Facts } from './facts.js';
import { TextField } from './form.js';
import { ErrorSummary, errorsOf } from './form-errors.js';
import { Instant } from './instant.js';
import { ServiceAccountClicks } from './jumpcloud-clicks.js';
import { TypedSecretField } from './key-field.js';
import { Failure, Message } from './problem.js';
import { RenewSecretDialog } from './renew-key.js';
import { SEED_WORDS } from './seed-words.js';
import { useManages, useMay } from './session.js';
import { Text } from './text.js';

const SECRET = 'respond.clientSecret';
const KEPT = { console: 'kept by the console', file: 'in a file of the server', start: 'given at the start' } as const;

interface Props {
  readonly of: FeedResponse;
  readonly again: () => void;
}

export function ServiceAccountCard({ of, again }: Props) {
  const { feed, account } = of;
  const isOperator = useMay('operator');
  const isAdmin = useMay('admin');
  const manages = useManages();
  const [asks, setAsks] = useState<'save' | 'rotate'>();
  const [tested, setTested] = useState<ResponseTest>();
  const [error, setError] = useState<unknown>();
  const test = () => {
    setTested(undefined);
    setError(undefined);
    return ask('testResponse', { path: { name: feed }, body: {} }).then(setTested, setError);
  };
  const has = account.fingerprint !== null;
  return (
    <section class="card">
      <h2>Service account</h2>
      <p class="hint">Of response alone: the feed’s own key is never used to act.</p>
      {has ? (
        <Facts
          of={[
            [SEED_WORDS.clientId, account.clientId ?? 'none'],
            [SEED_WORDS.organizationId, account.organization ?? 'none is sent'],
            [
              SEED_WORDS.clientSecret,
              `${account.fingerprint}${account.kept === null ? '' : `, ${KEPT[account.kept]}`}`,
            ],
            ['Stored', account.since === null ? null : <Instant at={account.since} />],
            [
              'Ends',
              account.ends === null ? (
                <span class="dim">unknown: JumpCloud lets a secret live 30, 60, 90 or 365 days</span>
              ) : account.ends === 'never' ? (
                'never'
              ) : (
                <Instant at={account.ends} />
              ),
            ],
          ]}
        />
      ) : (
        <p>There is none yet: nothing can be planned.</p>
      )}
      {of.readOnly && <p>The feed is written down in a file: its service account is set there, under respond.</p>}
      {error !== undefined && <Failure error={error} focus />}
      {tested !== undefined && (
        <Message tone={tested.works ? 'good' : 'bad'}>
          <Text>{tested.message}</Text>
          {tested.cure !== null && (
            <p>
              <Text>{tested.cure}</Text>
            </p>
          )}
        </Message>
      )}
      <div class="actions">
        {isOperator && has && (
          <button type="button" onClick={test}>
            Test
          </button>
        )}
        {isAdmin && has && (
          <button type="button" onClick={() => setAsks('rotate')}>
            {SEED_WORDS.rotate}
          </button>
        )}
        {manages && !of.readOnly && (
          <button type="button" onClick={() => setAsks('save')}>
            {has ? 'Replace…' : 'Add…'}
          </button>
        )}
      </div>
      {asks === 'save' && (
        <SaveDialog
          of={of}
          onClose={() => setAsks(undefined)}
          onDone={() => {
            again();
            void test();
          }}
        />
      )}
      {asks === 'rotate' && (
        <RenewSecretDialog
          feed={feed}
          path={SECRET}
          title={`${SEED_WORDS.rotate} the client secret of ${feed}`}
          label={SEED_WORDS.clientSecret}
          clicks={<ServiceAccountClicks />}
          note="It is tried first. If anything fails, the old secret stays."
          button={SEED_WORDS.rotate}
          onClose={() => setAsks(undefined)}
          onDone={again}
        />
      )}
    </section>
  );
}

function SaveDialog({
  of: { feed, account },
  onClose,
  onDone,
}: {
  readonly of: FeedResponse;
  readonly onClose: () => void;
  readonly onDone: () => void;
}) {
  const [clientId, setClientId] = useState(account.clientId ?? '');
  const [secret, setSecret] = useState<string>();
  const [organization, setOrganization] = useState(account.organization ?? '');
  const [ends, setEnds] = useState('');
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const errors = errorsOf(error);
  const save = async () => {
    setBusy(true);
    setError(undefined);
    try {
      const { value, headers } = await call('getFeed', { path: { name: feed } });
      const respond: Record<string, Json> = { clientId: clientId.trim(), clientSecret: secret ?? '' };
      if (organization.trim() !== '') respond.orgId = organization.trim();
      if (ends !== '') respond.secretExpires = /^\d{4}-\d{2}-\d{2}$/.test(ends) ? `${ends}T00:00:00Z` : ends;
      const document: FeedDocument = { ...value, respond };
      await ask('putFeed', {
        path: { name: feed },
        body: document,
        headers: { 'if-match': headers.get('etag') ?? '*' },
      });
      onClose();
      onDone();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog title={SEED_WORDS.response} onClose={onClose}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        {error !== undefined && <ErrorSummary error={error} />}
        <TextField
          label={SEED_WORDS.clientId}
          path="respond.clientId"
          value={clientId}
          onValue={setClientId}
          error={errors.get('respond.clientId')}
          required
          first
        />
        <TypedSecretField
          path={SECRET}
          label={SEED_WORDS.clientSecret}
          value={secret}
          onValue={setSecret}
          error={errors.get(SECRET)}
          hint={<ServiceAccountClicks />}
          required
        />
        <TextField
          label={SEED_WORDS.organizationId}
          path="respond.orgId"
          value={organization}
          onValue={setOrganization}
          error={errors.get('respond.orgId')}
        />
        <TextField
          label="Client secret expires on"
          path="respond.secretExpires"
          value={ends}
          onValue={setEnds}
          hint="As JumpCloud showed it: 2027-01-30, or never. Empty: not known."
          error={errors.get('respond.secretExpires')}
        />
        <div class="actions">
          <button class="primary" type="submit" disabled={isBusy || secret === undefined || clientId.trim() === ''}>
            {SEED_WORDS.saveAccount}
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}
