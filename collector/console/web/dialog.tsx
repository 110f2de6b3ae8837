import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { Text, visible } from './text.js';

/** A native modal dialog: focus goes in and comes back, Escape closes it. */
export function Dialog({
  title,
  onClose,
  children,
  closable = true,
}: {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
  /** False: Escape does not end it, and it has no Close. */
  readonly closable?: boolean;
}) {
  const box = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const before = document.activeElement;
    const dialog = box.current;
    dialog?.showModal();
    dialog?.querySelector<HTMLElement>('[data-first]')?.focus();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={box}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        if (closable) onClose();
      }}
    >
      <h2 id={id}>
        <Text>{title}</Text>
      </h2>
      {children}
      {closable && (
        <button type="button" class="close" onClick={onClose} aria-label={`Close: ${visible(title)}`}>
          ✕
        </button>
      )}
    </dialog>
  );
}
