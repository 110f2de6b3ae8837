import { type FeedState, isIncomplete, STATES, type StateCode, stateSentence } from '../state-words.js';
import { GLYPHS } from './problem.js';
import { Text } from './text.js';
import { formatInstant, formatSpan, useZone } from './zone.js';

/** The state of a feed as a sentence: a glyph and words, never a colour alone. */
export function State({ state }: { readonly state: FeedState }) {
  return (
    <span class={`state ${state.tone}`}>
      <span class="glyph" aria-hidden="true">
        {GLYPHS[state.tone]}
      </span>
      <Text>{useSentence(state)}</Text>
    </span>
  );
}

function useSentence(state: FeedState): string {
  const zone = useZone();
  return stateSentence(state, { instant: (at) => formatInstant(at, zone, true), span: formatSpan });
}

/** Place in the order of a list that begins with the worst. */
export const rankOf = (state: FeedState): number => {
  const rank = (code: StateCode) => Object.keys(STATES).indexOf(code);
  return isIncomplete(state) ? Math.min(rank(state.code), rank('missing')) : rank(state.code);
};
