import type { ComponentChildren, RefObject } from 'preact';

/** A named region that scrolls by itself; it can be focused, so that a keyboard scrolls it too. */
export function Scrolled({
  label,
  kind = 'scroll',
  box,
  onScroll,
  children,
}: {
  readonly label: string;
  readonly kind?: string;
  readonly box?: RefObject<HTMLElement | null>;
  readonly onScroll?: (at: HTMLElement) => void;
  readonly children: ComponentChildren;
}) {
  return (
    <section
      ref={box}
      class={kind}
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
      tabIndex={0}
      onScroll={(event) => onScroll?.(event.currentTarget)}
    >
      {children}
    </section>
  );
}
