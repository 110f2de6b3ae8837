/*
 * Four ways to mend a feed, and which of them mends what.
 */
import { useState } from 'preact/hooks';
import { feedAddress } from './addresses.js';
import { ask } from './api.js';
import { Dialog } from './dialog.js';
import { TextField } from './form.js';
import { ErrorSummary, errorsOf } from './form-errors.js';
import { TextBlock } from './text.js';

type Way = 'reread' | 'backfill' | 'replay' | 'remap';

const WAYS: readonly { readonly id: Way; readonly title: string; readonly mends: string }[] = [
  {
    id: 'reread',
    title: 'Read again',
    mends:
      'Records are missing since the feed began: JumpCloud counts more than was delivered. What is there already is not delivered twice.',
  },
  {
    id: 'backfill',
    title: 'Backfill',
    mends: 'Records from before the feed’s first one are wanted. JumpCloud keeps 90 days.',
  },
  {
    id: 'replay',
    title: 'Replay dead letters',
    mends: 'Records were read but could not become a valid event, and a newer version maps them.',
  },
  {
    id: 'remap',
    title: 'Remap',
    mends: 'Events were delivered with the mapping of an older version, and all of them are wanted in the new one.',
  },
];

export function MendDialog({
  name,
  onClose,
  onJob,
}: {
  readonly name: string;
  readonly onClose: () => void;
  readonly onJob: (id: string) => void;
}) {
  const [way, setWay] = useState<Way>();
  return (
    <Dialog title={`Mend ${name}`} onClose={onClose}>
      <fieldset class="field">
        <legend>What is wrong?</legend>
        {WAYS.map(({ id, title, mends }) => (
          <label class="choice" key={id}>
            <input type="radio" name="way" checked={way === id} onChange={() => setWay(id)} />
            <span>
              <b>{title}</b> <span class="hint">{mends}</span>
            </span>
          </label>
        ))}
      </fieldset>
      {(way === 'reread' || way === 'backfill') && (
        <RangeForm
          key={way}
          name={name}
          operation={way === 'reread' ? 'repairFeed' : 'backfillFeed'}
          onDone={(id) => {
            onJob(id);
            onClose();
          }}
        />
      )}
      {way === 'replay' && (
        <p>
          <a href={feedAddress(name, 'dead-letters')} onClick={onClose}>
            Dead letters of this feed
          </a>
          : a dry run there says first what would become of each.
        </p>
      )}
      {way === 'remap' && (
        <>
          <p>It writes new tables or topics beside the old ones, on the command line of the collector:</p>
          <TextBlock label="Command">{`jumpcloud-ocsf remap --help`}</TextBlock>
        </>
      )}
    </Dialog>
  );
}

/** Asks for a range and starts the work. */
export function RangeForm({
  name,
  operation,
  onDone,
  from: firstFrom = '',
  to: firstTo = '',
}: {
  readonly name: string;
  readonly operation: 'repairFeed' | 'backfillFeed';
  readonly onDone: (job: string) => void;
  readonly from?: string;
  readonly to?: string;
}) {
  const [from, setFrom] = useState(firstFrom);
  const [to, setTo] = useState(firstTo);
  const [error, setError] = useState<unknown>();
  const hours = (Date.parse(to) - Date.parse(from)) / 3_600_000;
  return (
    <form
      onSubmit={async (event) => {
        event.preventDefault();
        setError(undefined);
        try {
          onDone((await ask(operation, { path: { name }, body: { from, to } })).id);
        } catch (failure) {
          setError(failure);
        }
      }}
    >
      {error !== undefined && <ErrorSummary error={error} />}
      <div class="pair">
        <TextField
          label="From"
          path="from"
          value={from}
          onValue={setFrom}
          placeholder="2026-11-28T13:00:00Z"
          error={errorsOf(error).get('from')}
          required
        />
        <TextField
          label="To"
          path="to"
          value={to}
          onValue={setTo}
          placeholder="2026-11-28T14:00:00Z"
          error={errorsOf(error).get('to')}
          required
        />
      </div>
      <p class="hint">
        Times in UTC.
        {hours > 0 &&
          (hours <= 1
            ? ' At most one hour: at least 1 request.'
            : ` ${Math.ceil(hours)} hours: at least ${Math.ceil(hours)} requests.`)}
      </p>
      <div class="actions">
        <button class="primary" type="submit">
          {operation === 'repairFeed' ? 'Read again' : 'Start the backfill'}
        </button>
      </div>
    </form>
  );
}
