import { useState } from 'preact/hooks';
import type { FeedStatus } from '../answers.js';
import { ask } from './api.js';
import { Dialog } from './dialog.js';
import { errorsOf } from './form-errors.js';
import { JobProgress } from './job.js';
import { ApiKeyClicks, ServiceAccountClicks } from './jumpcloud-clicks.js';
import { SecretField } from './key-field.js';
import { Failure } from './problem.js';
import { SEED_WORDS } from './seed-words.js';

/** Swaps the credential: the new one is tried first, the old one stays where anything fails. */
export function RenewDialog({
  status,
  onClose,
  onDone,
}: {
  readonly status: FeedStatus;
  readonly onClose: () => void;
  readonly onDone: () => void;
}) {
  const { name, view, secrets } = status;
  const isAccount = view?.authorization.configured === 'service-account';
  const path = isAccount ? 'jumpcloud.clientSecret' : 'jumpcloud.apiKey';
  const [secret, setSecret] = useState<string>();
  const [error, setError] = useState<unknown>();
  const [job, setJob] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  return (
    <Dialog title={`Renew the key of ${name}`} onClose={onClose}>
      <p>
        At JumpCloud a new key revokes the administrator’s old one at once. Records wait at JumpCloud meanwhile: nothing
        is lost.
      </p>
      {job === undefined ? (
        <form
          noValidate
          onSubmit={async (event) => {
            event.preventDefault();
            setBusy(true);
            setError(undefined);
            try {
              setJob((await ask('renewSecret', { path: { name, key: path }, body: { secret: secret ?? '' } })).id);
            } catch (failure) {
              setError(failure);
              setBusy(false);
            }
          }}
        >
          {error !== undefined && <Failure error={error} focus />}
          <SecretField
            of={{
              path,
              title: isAccount ? 'Client Secret' : SEED_WORDS.token,
              description: '',
              kind: 'secret',
              choices: [],
              default: undefined,
              example: undefined,
              expected: '',
              environment: undefined,
            }}
            value={secret}
            onValue={(value) => setSecret(typeof value === 'string' ? value : undefined)}
            error={errorsOf(error).get('secret')}
            stored={secrets[path]}
            hint={isAccount ? <ServiceAccountClicks /> : <ApiKeyClicks />}
            onlyTyped
          />
          <p class="hint">
            It is tried first, against the organization and the services of this feed. If anything fails, the old key
            stays.
          </p>
          <div class="actions">
            <button class="primary" type="submit" disabled={secret === undefined || isBusy}>
              Renew key
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
