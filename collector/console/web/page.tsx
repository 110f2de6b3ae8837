/*
 * What all pages have in common: a title that is announced, the way back, and what is asked for.
 */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Polled } from './polled.js';
import { Failure } from './problem.js';
import { Text } from './text.js';
import { formatInstant, useZone } from './zone.js';

let isFirst = true;

/** A page's heading takes the focus when the page is come to, so that keyboard and screen reader begin there. */
export function Heading({ children, sub }: { readonly children: string; readonly sub?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    document.title = `${children} · JumpCloud OCSF`;
    if (!isFirst && !document.querySelector('dialog[open]') && !document.activeElement?.matches('[data-keeps-focus]'))
      heading.current?.focus();
    isFirst = false;
  }, [children]);
  return (
    <div class="heading">
      <h1 ref={heading} tabIndex={-1}>
        <Text>{children}</Text>
      </h1>
      {sub}
    </div>
  );
}

/** Draws what was asked for; until it is there, and when it is not to be had, says so. */
export function Loaded<T>({
  from,
  children,
}: {
  readonly from: Polled<T>;
  readonly children: (value: T) => ComponentChildren;
}) {
  const zone = useZone();
  if (from.value === undefined)
    return from.error ? <Failure error={from.error} retry={from.again} /> : <p class="loading">Loading…</p>;
  return (
    <>
      {from.staleSince ? (
        <p class="message warn" role="status">
          As of {formatInstant(from.staleSince, zone)}: the console is not reachable. It is asked again by itself.
        </p>
      ) : null}
      <div class={from.staleSince ? 'stale' : undefined}>{children(from.value)}</div>
    </>
  );
}
