/*
 * Test connection: what is looked at, as it is found, with the cure and the field.
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { TestLine } from '../answers.js';
import { goTo } from './form-errors.js';
import { Failure, GLYPHS, Message } from './problem.js';
import { Text } from './text.js';

type Finding = Exclude<TestLine, { readonly done: true }>;
type End = Extract<TestLine, { readonly done: true }>;

const TONES = { ok: 'good', warning: 'warn', failed: 'bad' } as const;
const RANK = { failed: 0, warning: 1, ok: 2 } as const;
const HEADERS: Readonly<Record<string, string>> = {
  bearer: 'Authorization: Bearer',
  'x-api-key': 'x-api-key',
  'service-account': 'Authorization: Bearer, with the token of the service account',
};

export interface TestState {
  readonly isRunning: boolean;
  readonly findings: readonly Finding[];
  readonly end: End | undefined;
  readonly error: unknown;
  readonly isCancelled: boolean;
}

const IDLE: TestState = { isRunning: false, findings: [], end: undefined, error: undefined, isCancelled: false };

/** A test that runs at most once at a time, and ends with its page. */
export function useConnectionTest(begin: (signal: AbortSignal) => AsyncIterable<TestLine>) {
  const [state, setState] = useState(IDLE);
  const stop = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => stop.current?.abort(), []);
  const run = async () => {
    stop.current?.abort();
    const mine = new AbortController();
    stop.current = mine;
    setState({ ...IDLE, isRunning: true });
    try {
      for await (const line of begin(mine.signal))
        setState((before) =>
          'done' in line ? { ...before, end: line } : { ...before, findings: [...before.findings, line] },
        );
      setState((before) => ({ ...before, isRunning: false }));
    } catch (error) {
      if (stop.current === mine)
        setState((before) => ({
          ...before,
          isRunning: false,
          isCancelled: mine.signal.aborted,
          error: mine.signal.aborted ? undefined : error,
        }));
    }
  };
  return { state, run, cancel: () => stop.current?.abort() };
}

export function ConnectionTest({
  state: { isRunning, findings, end, error, isCancelled },
  onCancel,
}: {
  readonly state: TestState;
  readonly onCancel: () => void;
}) {
  const sorted = end === undefined ? findings : findings.toSorted((a, b) => RANK[a.verdict] - RANK[b.verdict]);
  return (
    <section aria-label="Test of the connection" class="findings">
      <div role="status">
        {isRunning && (
          <p>
            Testing… {findings.length} looked at.{' '}
            <button type="button" onClick={onCancel}>
              Cancel
            </button>
          </p>
        )}
        {isCancelled && <p>The test was cancelled. Nothing was saved.</p>}
      </div>
      {error !== undefined && <Failure error={error} focus />}
      {end !== undefined && (
        <Message tone={TONES[end.worst]} focus>
          <strong>
            {end.worst === 'ok'
              ? 'Everything works.'
              : end.worst === 'warning'
                ? 'It works, with something to know.'
                : 'It does not work yet.'}
          </strong>{' '}
          {end.header !== null && (
            <>
              JumpCloud took the header <code>{HEADERS[end.header] ?? end.header}</code>.
            </>
          )}
        </Message>
      )}
      <ul class="plain">
        {sorted.map((finding, index) => (
          <li key={index} class={`finding ${TONES[finding.verdict]}`}>
            <span class="glyph" aria-hidden="true">
              {GLYPHS[TONES[finding.verdict]]}
            </span>
            <span class="hidden">{finding.verdict}: </span>
            <div>
              <strong>
                <Text>{finding.part}</Text>
              </strong>{' '}
              <Text>{finding.message}</Text>
              {finding.cure && (
                <p>
                  <Text>{finding.cure}</Text>
                </p>
              )}
              {finding.field !== undefined && finding.verdict !== 'ok' && (
                <button type="button" class="link" onClick={() => goTo(finding.field ?? '')}>
                  Go to <Text>{finding.field}</Text>
                </button>
              )}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}
