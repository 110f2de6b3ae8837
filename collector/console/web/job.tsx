/*
 * Work that goes on at the server after it was asked for.
 */
import { useEffect, useRef } from 'preact/hooks';
import type { Job } from '../answers.js';
import { usePolled } from './polled.js';
import { Failure, Message } from './problem.js';
import { Text } from './text.js';

/** Progress of a job; reports its end once. */
export function JobProgress({ id, onEnd }: { readonly id: string; readonly onEnd?: (job: Job) => void }) {
  const polled = usePolled('job', { path: { id } }, 1_000);
  const reported = useRef(false);
  const job = polled.value;
  useEffect(() => {
    if (job === undefined || job.state === 'running' || reported.current) return;
    reported.current = true;
    onEnd?.(job);
  }, [job]);
  if (job === undefined) return polled.error ? <Failure error={polled.error} /> : <p class="loading">Asked…</p>;
  return <JobView job={job} />;
}

function JobView({ job }: { readonly job: Job }) {
  if (job.error !== null)
    return (
      <Message tone="bad">
        <strong>
          <Text>{job.error.message}</Text>
        </strong>
        <p>
          <Text>{job.error.cure}</Text>
        </p>
      </Message>
    );
  return (
    <Message tone={job.state === 'done' ? 'good' : 'neutral'}>
      {job.state === 'running' ? 'Running' : 'Done'}: <Text>{job.message}</Text>
      {job.state === 'running' && (
        <>
          {' '}
          <progress max={1} {...(job.progress === null ? {} : { value: job.progress })} aria-label="Progress" />
          {job.progress !== null && ` ${Math.floor(job.progress * 100)} %`}
        </>
      )}
    </Message>
  );
}
