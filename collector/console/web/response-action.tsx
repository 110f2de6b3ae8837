/*
 * One action: its plan, what the guards say, who approved it, and its outcome.
 */
import { useState } from 'preact/hooks';
import { useLocation, useRoute } from 'preact-iso';
import type { ResponseAction, ResponseList } from '../answers.js';
import { ActionStateText, Target, targetOf, verbTitle } from './action-words.js';
import { actionAddress, newActionAddress, RESPONSE } from './addresses.js';
import { ask } from './api.js';
import { Confirm } from './confirm.js';
import { Facts } from './facts.js';
import { Frame } from './frame.js';
import { Instant } from './instant.js';
import { JobProgress } from './job.js';
import { Heading, Loaded } from './page.js';
import { usePolled } from './polled.js';
import { Failure, Message } from './problem.js';
import { SEED_WORDS } from './seed-words.js';
import { useManages, useSession } from './session.js';
import { Text } from './text.js';

export function ActionPage() {
  const { params } = useRoute();
  const [feed, id] = [params.feed ?? '', params.id ?? ''];
  const action = usePolled('getAction', { path: { name: feed, id } }, 5_000);
  const response = usePolled('listResponse', {}, 30_000);
  return (
    <Frame
      crumbs={[
        { label: SEED_WORDS.area, href: '/feeds' },
        { label: SEED_WORDS.response, href: RESPONSE },
        { label: action.value?.verb ?? 'Action' },
      ]}
    >
      <Heading>{action.value === undefined ? 'Action' : `${action.value.verb}: ${targetOf(action.value)}`}</Heading>
      <Loaded from={response}>
        {({ verbs }) => (
          <Loaded from={action}>{(value) => <Action of={value} verbs={verbs} again={action.again} />}</Loaded>
        )}
      </Loaded>
    </Frame>
  );
}

interface Props {
  readonly of: ResponseAction;
  readonly verbs: ResponseList['verbs'];
  readonly again: () => void;
}

function Action({ of, verbs, again }: Props) {
  const { outcome, refusals, warnings, residualAccess, before, approvals } = of;
  return (
    <>
      <div role="status" class="sentence">
        <ActionStateText of={of.state} />
      </div>
      {outcome !== null && (
        <Message tone={of.state === 'verified' ? 'good' : of.state === 'no_change' ? 'neutral' : 'bad'}>
          <Text>{outcome.detail}</Text>
        </Message>
      )}
      {of.state === 'unknown' && (
        <p>
          Whether it was done cannot be said, and it is never sent again. Look at the user in JumpCloud, then plan a new
          action.
        </p>
      )}
      <Steps of={of} verbs={verbs} again={again} />
      <h2>Plan</h2>
      {of.intentAt === null && (
        <p>
          <strong>NOT EXECUTED (plan only).</strong>
        </p>
      )}
      <Facts
        of={[
          ['Action', verbTitle(of.verb, verbs)],
          ['Target', <Target of={of} />],
          [of.intentAt === null ? 'Now' : 'Before', stateText(before)],
          ['Change', of.noChange ? 'none: it is as wanted already' : `to be ${verbs[of.verb].past}`],
          ['Requested', `by ${of.requester}`],
          ['Reason', of.ticket === undefined ? of.reason : `${of.reason} (${of.ticket})`],
          ['Planned', <Instant at={of.plannedAt} />],
          ...(of.intentAt === null ? [['Can be run until', <Instant at={of.expiresAt} />] as const] : []),
          ['Undo', <Undo of={of} verbs={verbs} />],
        ]}
      />
      <h3>Guards</h3>
      {refusals.length + warnings.length + residualAccess.length + of.approval.length === 0 && (
        <p>Nothing speaks against it.</p>
      )}
      {refusals.map(({ code, reason, cure }) => (
        <Message tone="bad" key={code + reason}>
          <strong>Refused, {code}:</strong> <Text>{reason}</Text>. <Text>{cure}</Text>
        </Message>
      ))}
      {of.approval.map((reason) => (
        <Message tone="warn" key={reason}>
          <strong>Needs a second person:</strong> <Text>{reason}</Text>
        </Message>
      ))}
      {residualAccess.map((text) => (
        <Message tone="warn" key={text}>
          <strong>Stays usable:</strong> <Text>{text}</Text>
        </Message>
      ))}
      {warnings.map((text) => (
        <Message tone="neutral" key={text}>
          <strong>Note:</strong> <Text>{text}</Text>
        </Message>
      ))}
      <h2>Steps</h2>
      <ol>
        <li>
          <Instant at={of.plannedAt} />: planned by <Text>{of.requester}</Text>
        </li>
        {approvals.map(({ by, at, hash }) => (
          <li key={at + by}>
            <Instant at={at} />: approved by <Text>{by}</Text>
            {hash !== of.hash && ', another plan'}
          </li>
        ))}
        {of.intentAt !== null && (
          <li>
            <Instant at={of.intentAt} />: begun; from here on a request may have left
          </li>
        )}
        {outcome !== null && (
          <li>
            <Instant at={outcome.at} />: {outcome.result}
            {outcome.status !== undefined && `, JumpCloud answered ${outcome.status}`}
            {outcome.reads > 0 && `, read ${outcome.reads === 1 ? 'once' : `${outcome.reads} times`}`}
            {outcome.refusal !== undefined && `, ${outcome.refusal}`}
          </li>
        )}
      </ol>
      <Facts
        of={[
          ['Action id', <code>{of.actionId}</code>],
          ['Hash of the plan', <code class="hash">{of.hash}</code>],
        ]}
      />
    </>
  );
}

function Undo({ of, verbs }: Omit<Props, 'again'>) {
  const { undoneBy } = verbs[of.verb];
  if (undoneBy === undefined) return <>impossible: it cannot be undone</>;
  if (of.undoneBy !== null) return <a href={actionAddress(of.feed, of.undoneBy)}>planned</a>;
  if (of.undoes !== undefined)
    return (
      <>
        undoes <a href={actionAddress(of.feed, of.undoes)}>another action</a>
      </>
    );
  return <>by {undoneBy}</>;
}

/** What can be done next, by role and state, each behind a question that repeats target and effect. */
function Steps({ of, verbs, again }: Props) {
  const session = useSession();
  const canAct = useManages('operator');
  const { route } = useLocation();
  const [asks, setAsks] = useState<'approve' | 'run' | 'undo'>();
  const [error, setError] = useState<unknown>();
  const [job, setJob] = useState<string>();
  if (!canAct) return null;
  const path = { name: of.feed, id: of.actionId };
  const body = { hash: of.hash };
  const what = `${verbTitle(of.verb, verbs)} of ${of.user.username} ${of.user.email} (${of.user.id})${of.group === undefined ? '' : `, group ${of.group.name} (${of.group.id})`}`;
  const act = async (work: Promise<void>) => {
    setError(undefined);
    try {
      await work;
      again();
    } catch (failure) {
      setError(failure);
    }
  };
  const isRequester =
    session.kind === 'in' &&
    (of.persons ?? [of.requester]).some((one) => one.toLowerCase() === session.session.user.toLowerCase());
  const { caution, undoneBy } = verbs[of.verb];
  const running = job ?? of.job;
  return (
    <>
      {error !== undefined && <Failure error={error} focus />}
      {running != null && (of.outcome === null || of.outcome.result === 'refused') && (
        <JobProgress key={running} id={running} onEnd={again} />
      )}
      {of.state === 'waiting' && isRequester && (
        <p>You requested it, or held the token that did: somebody else has to approve it, here or by its hash.</p>
      )}
      {of.approvedUntil !== null && of.intentAt === null && (
        <p>
          The approval holds until <Instant at={of.approvedUntil} />.
        </p>
      )}
      <div class="actions">
        {of.state === 'waiting' && !isRequester && (
          <button type="button" class="primary" onClick={() => setAsks('approve')}>
            Approve…
          </button>
        )}
        {of.state === 'planned' && !of.noChange && (
          <button type="button" class="danger" onClick={() => setAsks('run')}>
            Run…
          </button>
        )}
        {of.state === 'begun' && running == null && (
          <button
            type="button"
            class="primary"
            onClick={() => act(ask('runAction', { path, body }).then(({ id }) => setJob(id)))}
          >
            Read the target again
          </button>
        )}
        {(of.state === 'expired' || of.state === 'refused') && (
          <a
            class="button"
            href={newActionAddress(of.feed, {
              verb: of.verb,
              user: of.user.id,
              ...(of.group === undefined ? {} : { group: of.group.id }),
            })}
          >
            Plan again…
          </a>
        )}
        {of.state === 'verified' && of.undoRefusal === null && of.undoneBy === null && of.undoes === undefined && (
          <button type="button" onClick={() => setAsks('undo')}>
            Undo…
          </button>
        )}
      </div>
      {asks === 'approve' && (
        <Confirm
          title="Approve this plan"
          text={`${what}. Requested by ${of.requester}: ${of.reason}. Your approval holds for 15 minutes, for this plan alone.`}
          verb="Approve"
          onYes={() => act(ask('approveAction', { path, body }).then(() => undefined))}
          onClose={() => setAsks(undefined)}
        />
      )}
      {asks === 'run' && (
        <Confirm
          title={`Run ${of.verb}`}
          text={`${what}. It is sent to JumpCloud once, and read again. ${[caution, ...of.residualAccess.map((left) => `Stays usable: ${left}.`)].filter(Boolean).join(' ')} ${undoneBy === undefined ? 'It cannot be undone.' : `It can be undone by ${undoneBy}.`}`}
          verb={`Run ${of.verb}`}
          onYes={() => act(ask('runAction', { path, body }).then(({ id }) => setJob(id)))}
          onClose={() => setAsks(undefined)}
        />
      )}
      {asks === 'undo' && (
        <Confirm
          title={`Undo ${of.verb}`}
          text={`Plans ${undoneBy ?? ''} of ${of.user.username} (${of.user.id}), which restores what was before. Nothing is sent before that plan is run.`}
          verb="Plan the undo"
          onYes={() =>
            act(ask('undoAction', { path, body: {} }).then(({ actionId }) => route(actionAddress(of.feed, actionId))))
          }
          onClose={() => setAsks(undefined)}
        />
      )}
    </>
  );
}

function stateText(before: ResponseAction['before']): string {
  return Object.entries(before)
    .map(([name, value]) => `${name} ${value === '' ? 'none' : String(value)}`)
    .join(', ');
}
