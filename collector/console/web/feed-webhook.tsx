/*
 * How alerts of Insights Rules are pushed here: what to paste where in JumpCloud, and whether it arrives.
 */
import { useState } from 'preact/hooks';
import type { NewWebhookSecret, WebhookConnection } from '../answers.js';
import { ask } from './api.js';
import { Confirm } from './confirm.js';
import { CopyButton } from './copy-as-panel.js';
import type { TabProps } from './feed-page.js';
import { Count, Instant } from './instant.js';
import { Loaded } from './page.js';
import { usePolled } from './polled.js';
import { Failure, Message } from './problem.js';
import { useManages } from './session.js';
import { Text, TextBlock } from './text.js';

/** Hours that the secret before is taken for: the time that it takes to paste the new one. */
const OVERLAP_HOURS = 24;

export function Webhook({ name }: TabProps) {
  const polled = usePolled('feedWebhook', { path: { name } }, 5_000);
  const canManage = useManages();
  const [made, setMade] = useState<NewWebhookSecret>();
  const [asks, setAsks] = useState(false);
  const [error, setError] = useState<unknown>();
  const make = async () => {
    setError(undefined);
    try {
      setMade(await ask('makeWebhookSecret', { path: { name }, body: { overlapHours: OVERLAP_HOURS } }));
      polled.again();
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <Loaded from={polled}>
      {(value) => (
        <>
          {!value.enabled && (
            <Message tone="warn">
              This feed takes no webhooks: set <code>webhook.enabled</code> in its settings.
            </Message>
          )}
          <Arrivals of={value} />
          <h2>Connect</h2>
          {error !== undefined && <Failure error={error} focus />}
          {made !== undefined && (
            <Message tone="good" focus>
              <p>Copy the secret now: it is not shown again.</p>
              <TextBlock label="Secret">{made.secret}</TextBlock>
              <CopyButton text={() => made.secret} label="Copy the secret" />
            </Message>
          )}
          <Secret of={value} />
          {canManage && value.secret !== 'configuration' && (
            <div class="actions">
              {value.secret === 'none' ? (
                <button type="button" class="primary" onClick={make}>
                  Connect: make a secret
                </button>
              ) : (
                <button type="button" onClick={() => setAsks(true)}>
                  Rotate the secret…
                </button>
              )}
            </div>
          )}
          {!value.hasAddress && (
            <Message tone="warn">
              The address of the receiver is not known: set <code>receiver.url</code>, or put it in place of what stands
              in angle brackets.
            </Message>
          )}
          <TextBlock label="URL of the channel">{value.url}</TextBlock>
          <CopyButton text={() => value.url} label="Copy the URL" />
          <ol>
            {value.steps.map((step) => (
              <li key={step}>
                <Text>{step}</Text>
              </li>
            ))}
          </ol>
          {asks && (
            <Confirm
              title="Rotate the secret of the webhook"
              text={`A new secret is made and shown once. The present one is taken for ${OVERLAP_HOURS} hours more: paste the new one in JumpCloud until then.`}
              verb="Rotate"
              onYes={make}
              onClose={() => setAsks(false)}
            />
          )}
        </>
      )}
    </Loaded>
  );
}

function Secret({ of }: { readonly of: WebhookConnection }) {
  if (of.secret === 'configuration')
    return (
      <p>
        The secret is that of <code>webhook.secret</code> in the configuration: it is changed there.
      </p>
    );
  if (of.secret === 'none') return <p>No secret was made yet: requests are answered 503.</p>;
  return (
    <p>
      A secret is in force.{' '}
      {of.previousUntil !== null && (
        <>
          The one before is taken until <Instant at={of.previousUntil} />.
        </>
      )}
    </p>
  );
}

/** What came, as JumpCloud's portal shows it from the other side. */
function Arrivals({ of: { enabled, view } }: { readonly of: WebhookConnection }) {
  if (view === null)
    return enabled ? <Message tone="warn">The feed does not run, so that no webhook is taken.</Message> : null;
  const { lastTest, lastReceivedAt, received, missed, refused, lastRefused, degraded, listFailure } = view;
  return (
    <section aria-label="What arrived">
      {degraded !== null && (
        <Message tone="warn">
          <Text>{degraded}</Text>
        </Message>
      )}
      {listFailure !== null && (
        <Message tone="warn">
          <p>
            JumpCloud’s list of alerts cannot be read, so that a lost webhook would stay unseen:{' '}
            <Text>{listFailure.message}</Text>
          </p>
          <p>
            <Text>{listFailure.cure}</Text>
          </p>
        </Message>
      )}
      <h2>What arrived</h2>
      <p class="hint">Since this process started.</p>
      <dl class="facts">
        <dt>Test Webhook</dt>
        <dd>
          {lastTest === null ? (
            'none yet: press Test Webhook in JumpCloud'
          ) : (
            <>
              <Instant at={lastTest.at} />
              {lastTest.organization === 'other' && '; it names another organization, as JumpCloud’s sample may'}
            </>
          )}
        </dd>
        <dt>Webhooks</dt>
        <dd>
          <Count of={received} />
          {lastReceivedAt !== null && (
            <>
              , the last <Instant at={lastReceivedAt} />
            </>
          )}
        </dd>
        <dt>Alerts found in the list that no webhook had brought</dt>
        <dd>
          <Count of={missed} />
        </dd>
        <dt>Refused requests</dt>
        <dd>
          <Count of={refused} />
          {lastRefused !== null && (
            <>
              , the last <Instant at={lastRefused.at} />: <Text>{lastRefused.why}</Text>
            </>
          )}
        </dd>
      </dl>
    </section>
  );
}
