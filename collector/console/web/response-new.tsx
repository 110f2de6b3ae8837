/*
 * The form of an action: what it makes is a plan.
 */
import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { FeedResponse, ResponseList } from '../answers.js';
import { verbTitle } from './action-words.js';
import { actionAddress, RESPONSE } from './addresses.js';
import { ask } from './api.js';
import { ChoiceField, SelectField, TextField } from './form.js';
import { ErrorSummary, errorsOf } from './form-errors.js';
import { Frame } from './frame.js';
import { Heading, Loaded } from './page.js';
import { usePolled } from './polled.js';
import { Message } from './problem.js';
import { SEED_WORDS } from './seed-words.js';
import { useManages } from './session.js';
import { Text } from './text.js';

type Verb = keyof ResponseList['verbs'];

export function NewActionPage() {
  const { query } = useLocation();
  const response = usePolled('listResponse', {}, 0);
  const canAct = useManages('operator');
  return (
    <Frame
      crumbs={[
        { label: SEED_WORDS.area, href: '/feeds' },
        { label: SEED_WORDS.response, href: RESPONSE },
        { label: 'Plan an action' },
      ]}
    >
      <Heading>Plan an action</Heading>
      <Loaded from={response}>
        {({ feeds, verbs }) => {
          const able = feeds.filter(({ allow }) => allow.length > 0);
          if (!canAct) return <p>This needs the role operator, and a console that is not read-only.</p>;
          if (able.length === 0)
            return (
              <p>
                Response is off for every feed: set <code>respond.allow</code> in the operator’s own files.
              </p>
            );
          // What a link asks for is never replaced by something else that is allowed.
          const asked = query.feed === undefined ? undefined : able.find(({ feed }) => feed === query.feed);
          if (query.feed !== undefined && asked === undefined)
            return (
              <p>
                Response is off for the feed <Text>{query.feed}</Text>: set <code>respond.allow</code> in the operator’s
                own files.
              </p>
            );
          if (asked !== undefined && query.verb !== undefined && !asked.allow.some((verb) => verb === query.verb))
            return (
              <p>
                <code>respond.allow</code> of the feed {asked.feed} does not hold <Text>{query.verb}</Text>.
              </p>
            );
          return <Form feeds={able} verbs={verbs} />;
        }}
      </Loaded>
    </Frame>
  );
}

function Form({ feeds, verbs }: { readonly feeds: readonly FeedResponse[]; readonly verbs: ResponseList['verbs'] }) {
  const { query, route } = useLocation();
  const [name, setName] = useState(query.feed ?? '');
  const feed = feeds.find((one) => one.feed === name) ?? feeds[0]!;
  const [chosen, setVerb] = useState((query.verb ?? '') as Verb | '');
  const verb = feed.allow.find((one) => one === chosen) ?? feed.allow[0]!;
  const [user, setUser] = useState(query.user ?? '');
  const [group, setGroup] = useState(query.group ?? '');
  const [reason, setReason] = useState('');
  const [ticket, setTicket] = useState('');
  const [flags, setFlags] = useState<readonly string[]>([]);
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const { ofGroup, caution, undoneBy } = verbs[verb];
  const errors = errorsOf(error);
  const planAction = async () => {
    setBusy(true);
    setError(undefined);
    try {
      const { actionId } = await ask('planAction', {
        path: { name: feed.feed },
        body: {
          verb,
          user: user.trim(),
          reason: reason.trim(),
          ...(ofGroup ? { group: group.trim() } : {}),
          ...(ticket.trim() === '' ? {} : { ticket: ticket.trim() }),
          ...(flags.includes('forceScheduled') ? { forceScheduled: true } : {}),
          ...(flags.includes('notOurs') ? { notOurs: true } : {}),
        },
      });
      route(actionAddress(feed.feed, actionId));
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void planAction();
      }}
    >
      {error !== undefined && <ErrorSummary error={error} />}
      {feeds.length > 1 && (
        <SelectField
          label="Feed"
          value={feed.feed}
          onValue={setName}
          choices={feeds.map((one) => ({ value: one.feed, label: one.feed }))}
        />
      )}
      <SelectField
        label="Action"
        path="verb"
        value={verb}
        onValue={(value) => setVerb(value as Verb)}
        choices={feed.allow.map((one) => ({ value: one, label: verbTitle(one, verbs) }))}
        error={errors.get('verb')}
      />
      {(caution !== undefined || undoneBy === undefined) && (
        <Message tone={undoneBy === undefined ? 'warn' : 'neutral'}>{caution ?? 'It cannot be undone.'}</Message>
      )}
      <TextField
        label="User"
        path="user"
        value={user}
        onValue={setUser}
        hint="Id, username or e-mail address. A name has to lead to exactly one user, whose own name it is."
        error={errors.get('user')}
        required
      />
      {ofGroup && (
        <TextField
          label="Group"
          path="group"
          value={group}
          onValue={setGroup}
          hint="Id or name of the user group, out of those that respond.groups allows."
          error={errors.get('group')}
          required
        />
      )}
      <TextField
        label="Reason"
        path="reason"
        value={reason}
        onValue={setReason}
        hint="Appears in the journal and in the events."
        error={errors.get('reason')}
        required
      />
      <TextField label="Ticket" path="ticket" value={ticket} onValue={setTicket} error={errors.get('ticket')} />
      {(verb === 'disable-user' || verb === 'enable-user') && (
        <ChoiceField
          label="Lifts a guard"
          choices={[
            verb === 'disable-user'
              ? { value: 'forceScheduled', label: 'Act though JumpCloud has an activation scheduled' }
              : { value: 'notOurs', label: 'Enable a user whom response did not disable' },
          ]}
          chosen={flags}
          onChosen={setFlags}
        />
      )}
      <div class="actions">
        <button class="primary" type="submit" disabled={isBusy || user.trim() === '' || reason.trim() === ''}>
          Plan (nothing is sent)
        </button>
        <a class="button" href={RESPONSE}>
          Cancel
        </a>
      </div>
    </form>
  );
}
