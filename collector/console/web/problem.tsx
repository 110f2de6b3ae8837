/*
 * What went wrong, with its cure, where a screen reader hears it.
 */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { Refusal, Unreachable } from './api.js';
import { Text } from './text.js';

/** `failed` is read aloud at once, `note` when there is time. */
export function Message({
  tone,
  children,
  focus = false,
}: {
  readonly tone: 'bad' | 'warn' | 'good' | 'neutral';
  readonly children: ComponentChildren;
  /** Moves the focus here as it appears: a key that is pressed then goes nowhere else. */
  readonly focus?: boolean;
}) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (focus) box.current?.focus();
  }, [focus]);
  return (
    <div
      ref={box}
      class={`message ${tone}`}
      role={tone === 'bad' ? 'alert' : 'status'}
      tabIndex={focus ? -1 : undefined}
    >
      <span class="glyph" aria-hidden="true">
        {GLYPHS[tone]}
      </span>
      <div>{children}</div>
    </div>
  );
}

export const GLYPHS = { bad: '✕', warn: '!', good: '✓', neutral: '•' } as const;

/** A refusal or a lost connection. */
export function Failure({
  error,
  retry,
  focus = false,
}: {
  readonly error: unknown;
  readonly retry?: () => void;
  readonly focus?: boolean;
}) {
  const known = error instanceof Refusal ? error.problem : undefined;
  return (
    <Message tone="bad" focus={focus}>
      <strong>
        <Text>{known?.title ?? (error instanceof Unreachable ? 'Not reachable' : 'That did not work')}</Text>
      </strong>
      <p>
        <Text>{error instanceof Error ? error.message : String(error)}</Text>
      </p>
      {known?.cure && (
        <p>
          <Text>{known.cure}</Text>
        </p>
      )}
      {known?.retryAfter !== undefined && <p>It may be tried again in {known.retryAfter} seconds.</p>}
      {retry && (
        <button type="button" onClick={retry}>
          Retry
        </button>
      )}
    </Message>
  );
}
