/*
 * Text that others wrote: control characters are shown, directions stay inside, length is bounded.
 */
import { useState } from 'preact/hooks';
import { Scrolled } from './scrolled.js';

/** Characters shown at once; the rest on demand. */
const SHOWN = 2_000;

const BREAKS = /[\n\t]/;
// Controls, marks of direction, characters without a width, and halves of surrogate pairs. Joiners and variation
// selectors stay: scripts and emoji need them.
const INVISIBLE =
  /[\p{Cc}\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\p{Cs}\u{e0000}-\u{e0fff}]/gu;

/**
 * The text with a printable glyph in place of each character that is invisible or changes how its neighbours are drawn:
 * U+0000 to U+001F as their pictures (␀ to ␟), all others as ⟨U+202E⟩.
 * @param keepBreaks leaves line feeds and tabs as they are
 */
export function visible(text: string, keepBreaks = false): string {
  return text.replace(INVISIBLE, (character) => {
    if (keepBreaks && BREAKS.test(character)) return character;
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    if (code === 0x7f) return '␡';
    return `⟨U+${code.toString(16).toUpperCase().padStart(4, '0')}⟩`;
  });
}

function useBounded(text: string): { shown: string; more: preact.ComponentChild } {
  const [all, setAll] = useState(false);
  if (all || text.length <= SHOWN) return { shown: text, more: null };
  return {
    shown: text.slice(0, SHOWN),
    more: (
      <button type="button" class="link" onClick={() => setAll(true)}>
        … {(text.length - SHOWN).toLocaleString('en')} more characters
      </button>
    ),
  };
}

/** One run of text from a record, a person or a file. */
export function Text({ children }: { readonly children: string }) {
  const { shown, more } = useBounded(children);
  return (
    <>
      <bdi class="text">{visible(shown)}</bdi>
      {more}
    </>
  );
}

/** Several lines of it, line breaks kept. */
export function TextBlock({ children, label }: { readonly children: string; readonly label: string }) {
  const { shown, more } = useBounded(children);
  return (
    <>
      <Scrolled kind="block" label={label}>
        <pre>
          <bdi>{visible(shown, true)}</bdi>
        </pre>
      </Scrolled>
      {more}
    </>
  );
}
