/*
 * How far the inventory of a feed is, and what it holds back.
 */
import { useState } from 'preact/hooks';
import type { Inventory as InventoryAnswer } from '../answers.js';
import { ask } from './api.js';
import { Confirm } from './confirm.js';
import { Facts } from './facts.js';
import type { TabProps } from './feed-page.js';
import { Count, Instant } from './instant.js';
import { JobProgress } from './job.js';
import { Loaded } from './page.js';
import { usePolled } from './polled.js';
import { Failure, Message } from './problem.js';
import { useManages, useMay } from './session.js';
import { Text } from './text.js';

type View = NonNullable<InventoryAnswer['view']>;

const STATES: Readonly<Record<View['state'], string>> = {
  disabled: 'read only when asked to (inventory.interval is DISABLED)',
  waiting: 'waiting for the next reading',
  reading: 'reading',
  failing: 'the last reading failed',
};

export function Inventory({ name, again }: TabProps) {
  const polled = usePolled('feedInventory', { path: { name } }, 15_000);
  const isOperator = useMay('operator');
  const canRelease = useManages('operator');
  const [job, setJob] = useState<string>();
  const [asks, setAsks] = useState<number>();
  const [error, setError] = useState<unknown>();
  const start = async (asked: ReturnType<typeof ask<'runInventory'>>) => {
    setError(undefined);
    try {
      setJob((await asked).id);
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <>
      {error !== undefined && <Failure error={error} focus />}
      {isOperator && (
        <div class="actions">
          <button type="button" onClick={() => start(ask('runInventory', { path: { name } }))}>
            Read the directory now
          </button>
        </div>
      )}
      {job !== undefined && (
        <JobProgress
          key={job}
          id={job}
          onEnd={() => {
            polled.again();
            again();
          }}
        />
      )}
      <Loaded from={polled}>
        {({ view }) =>
          view === null ? (
            <p>
              This feed reads no directory: set <code>inventory.interval</code> in its settings, or have it read now.
            </p>
          ) : (
            <Progress of={view} {...(canRelease ? { onRelease: setAsks } : {})} />
          )
        }
      </Loaded>
      {asks !== undefined && (
        <Confirm
          title="Release held removals"
          text="The stages are read once more, and what is still gone is delivered as removed. It cannot be taken back."
          verb="Read again and remove"
          onYes={() => start(ask('confirmRemovals', { path: { name }, body: { generation: asks } }))}
          onClose={() => setAsks(undefined)}
        />
      )}
    </>
  );
}

function Progress({ of, onRelease }: { readonly of: View; readonly onRelease?: (generation: number) => void }) {
  const { reading, failure, generation, removalsHeld } = of;
  return (
    <>
      {failure !== null && (
        <Message tone="bad">
          <p>
            <Text>{failure.message}</Text>
          </p>
          <p>
            <Text>{failure.cure}</Text>
          </p>
        </Message>
      )}
      {removalsHeld > 0 && (
        <Message tone="warn">
          <p>
            {removalsHeld.toLocaleString('en')} removals are held: more is missing than a directory usually loses, so
            that it may be JumpCloud’s answer that lacks it. Look whether they were removed there.
          </p>
          {onRelease !== undefined && generation !== null && (
            <button type="button" onClick={() => onRelease(generation)}>
              Release the removals…
            </button>
          )}
        </Message>
      )}
      <Facts
        of={[
          ['State', STATES[of.state]],
          ['Reading', reading === null ? 'none' : `${reading.stagesRead} of ${reading.stages.length} stages read`],
          ['Generation', generation === null ? 'none yet' : String(generation)],
        ]}
      />
      <p>
        Delivered <Instant at={of.deliveredAt} />, complete <Instant at={of.complete?.at} />, in full{' '}
        <Instant at={of.fullAt} />, next <Instant at={of.nextAt} />
      </p>
      {of.stages.length === 0 ? (
        <p>Nothing was delivered yet.</p>
      ) : (
        <table class="cards">
          <caption class="hidden">Stages</caption>
          <thead>
            <tr>
              <th scope="col">Stage</th>
              <th scope="col">Known</th>
              <th scope="col">Changed</th>
              <th scope="col">Gone</th>
              <th scope="col">Held</th>
              <th scope="col">Read completely</th>
              <th scope="col">State</th>
            </tr>
          </thead>
          <tbody>
            {of.stages.map((stage) => (
              <tr key={stage.stage}>
                <th scope="row">{stage.stage}</th>
                <td data-label="Known">
                  <Count of={stage.known} />
                </td>
                <td data-label="Changed">
                  <Count of={stage.changed} />
                </td>
                <td data-label="Gone">
                  <Count of={stage.gone} />
                </td>
                <td data-label="Held">
                  <Count of={stage.held} />
                  {stage.heldReason !== null && (
                    <>
                      : <Text>{stage.heldReason}</Text>
                    </>
                  )}
                </td>
                <td data-label="Read completely">
                  <Instant at={stage.completeAt} />
                </td>
                <td data-label="State">
                  {stage.complete ? '✓ complete' : '! incomplete, nothing of it is removed'}
                  {stage.reason !== null && (
                    <>
                      : <Text>{stage.reason}</Text>
                    </>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}
