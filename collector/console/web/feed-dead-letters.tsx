/*
 * Records that could not become a valid event: why, what they are, and what a replay would do.
 */
import { useState } from 'preact/hooks';
import type { DeadLetterGroup, Job } from '../answers.js';
import { ask } from './api.js';
import type { TabProps } from './feed-page.js';
import { Count, Instant } from './instant.js';
import { JobProgress } from './job.js';
import { Loaded } from './page.js';
import { usePolled } from './polled.js';
import { Failure, Message } from './problem.js';
import { useMay } from './session.js';
import { Text, TextBlock } from './text.js';

export function DeadLetters({ name, again }: TabProps) {
  const letters = usePolled('deadLetters', { path: { name } }, 0);
  const isOperator = useMay('operator');
  const [job, setJob] = useState<string>();
  const [ended, setEnded] = useState<Job>();
  const [error, setError] = useState<unknown>();
  const replay = async (dryRun: boolean) => {
    setError(undefined);
    setEnded(undefined);
    try {
      setJob((await ask('replayFeed', { path: { name }, body: { dryRun } })).id);
    } catch (failure) {
      setError(failure);
    }
  };
  const tried = ended?.replayed;
  return (
    <Loaded from={letters}>
      {({ groups, total, elsewhere }) => (
        <>
          {elsewhere !== null && (
            <Message tone="neutral">
              <Text>{elsewhere}</Text>
            </Message>
          )}
          {total === 0 && elsewhere === null && (
            <p>None. Records that cannot become a valid event would be here, with their text and the reason.</p>
          )}
          {error !== undefined && <Failure error={error} focus />}
          {isOperator && (total > 0 || elsewhere !== null) && (
            <div class="actions">
              <button type="button" onClick={() => replay(true)}>
                Dry run
              </button>
              {tried?.dryRun === true && tried.events > 0 && (
                <button type="button" class="primary" onClick={() => replay(false)}>
                  Replay: {tried.events} would become {eventsOf(tried.events)}
                </button>
              )}
              <span class="hint">
                A dry run maps them again and delivers nothing. A replay delivers each once, however often it runs.
              </span>
            </div>
          )}
          {job !== undefined && (
            <JobProgress
              key={job}
              id={job}
              onEnd={(done) => {
                setEnded(done);
                letters.again();
                again();
              }}
            />
          )}
          {tried !== undefined && (
            <Message tone={tried.stillDead > 0 ? 'warn' : 'good'} focus>
              <strong>{tried.dryRun ? 'Dry run' : 'Replay'}: </strong>
              {tried.events} {tried.dryRun ? 'would become' : 'became'} {eventsOf(tried.events)}, {tried.stillDead}{' '}
              still {tried.stillDead === 1 ? 'fails' : 'fail'}, {tried.already} {tried.already === 1 ? 'was' : 'were'}{' '}
              resolved before, of {tried.read} read.
              <ul>
                {Object.entries(tried.reasons).map(([reason, count]) => (
                  <li key={reason}>
                    <Text>{reason}</Text>: {count}
                  </li>
                ))}
              </ul>
            </Message>
          )}
          {groups.map((group) => (
            <Group key={`${group.reason} ${group.eventType}`} of={group} />
          ))}
        </>
      )}
    </Loaded>
  );
}

const eventsOf = (count: number): string => (count === 1 ? 'an event' : 'events');

function Group({ of }: { readonly of: DeadLetterGroup }) {
  return (
    <details class="section card">
      <summary>
        <strong>
          <Text>{of.reason}</Text>
        </strong>
        , <Text>{of.eventType}</Text>: <Count of={of.records} />
      </summary>
      <p>
        First <Instant at={of.first} />, last <Instant at={of.last} />
      </p>
      {of.samples.map((sample, index) => (
        <section key={`${sample.time} ${sample.raw.slice(0, 100)}`}>
          <h2>
            Sample {index + 1}, <Instant at={sample.time} distance={false} />
          </h2>
          <p>
            <Text>{sample.message}</Text>
            {sample.path !== null && (
              <>
                {' '}
                at{' '}
                <mark>
                  <Text>{sample.path}</Text>
                </mark>
              </>
            )}
          </p>
          <TextBlock label={`Text of sample ${index + 1}`}>{pretty(sample.raw)}</TextBlock>
        </section>
      ))}
    </details>
  );
}

/** As indented JSON where it is JSON; else as it is. */
function pretty(raw: string): string {
  try {
    return JSON.stringify(JSON.parse(raw), null, 2);
  } catch {
    return raw;
  }
}
