import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { FeedStatus, StoredSecret } from '../answers.js';
import { ask } from './api.js';
import { Dialog } from './dialog.js';
import { errorsOf } from './form-errors.js';
import { JobProgress } from './job.js';
import { ApiKeyClicks, ServiceAccountClicks } from './jumpcloud-clicks.js';
import { TypedSecretField } from './key-field.js';
import { Failure } from './problem.js';
import { SEED_WORDS } from './seed-words.js';

interface Closing {
  readonly onClose: () => void;
  readonly onDone: () => void;
}

/** Replaces a stored secret: the new one is tried first, the old one stays where anything fails. */
export function RenewSecretDialog({
  feed,
  path,
  title,
  lead,
  label,
  clicks,
  stored,
  note,
  button,
  onClose,
  onDone,
}: {
  readonly feed: string;
  /** Of the secret's key. */
  readonly path: string;
  readonly title: string;
  readonly lead?: string;
  readonly label: string;
  readonly clicks: ComponentChildren;
  readonly stored?: StoredSecret | undefined;
  readonly note: string;
  readonly button: string;
} & Closing) {
  const [secret, setSecret] = useState<string>();
  const [error, setError] = useState<unknown>();
  const [job, setJob] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  return (
    <Dialog title={title} onClose={onClose}>
      {lead !== undefined && <p>{lead}</p>}
      {job === undefined ? (
        <form
          noValidate
          onSubmit={async (event) => {
            event.preventDefault();
            setBusy(true);
            setError(undefined);
            try {
              setJob(
                (await ask('renewSecret', { path: { name: feed, key: path }, body: { secret: secret ?? '' } })).id,
              );
            } catch (failure) {
              setError(failure);
              setBusy(false);
            }
          }}
        >
          {error !== undefined && <Failure error={error} focus />}
          <TypedSecretField
            path={path}
            label={label}
            value={secret}
            onValue={setSecret}
            error={errorsOf(error).get('secret')}
            stored={stored}
            hint={clicks}
          />
          <p class="hint">{note}</p>
          <div class="actions">
            <button class="primary" type="submit" disabled={secret === undefined || isBusy}>
              {button}
            </button>
            <button type="button" onClick={onClose}>
              Cancel
            </button>
          </div>
        </form>
      ) : (
        <>
          <JobProgress
            id={job}
            onEnd={(ended) => {
              onDone();
              if (ended.state === 'failed') setBusy(false);
            }}
          />
          <div class="actions">
            <button
              type="button"
              onClick={() => {
                if (isBusy) onClose();
                else setJob(undefined);
              }}
            >
              {isBusy ? 'Close' : 'Try another key'}
            </button>
          </div>
        </>
      )}
    </Dialog>
  );
}

/** Replaces the credential of a feed. */
export function RenewDialog({ status, ...closing }: { readonly status: FeedStatus } & Closing) {
  const { name, view, secrets } = status;
  const isAccount = view?.authorization.configured === 'service-account';
  const path = isAccount ? 'jumpcloud.clientSecret' : 'jumpcloud.apiKey';
  return (
    <RenewSecretDialog
      feed={name}
      path={path}
      title={`Renew the key of ${name}`}
      lead="At JumpCloud a new key revokes the administrator’s old one at once. Records wait at JumpCloud meanwhile: nothing is lost."
      label={isAccount ? SEED_WORDS.clientSecret : SEED_WORDS.token}
      clicks={isAccount ? <ServiceAccountClicks /> : <ApiKeyClicks />}
      stored={secrets[path]}
      note="It is tried first, against the organization and the services of this feed. If anything fails, the old key stays."
      button="Renew key"
      {...closing}
    />
  );
}
