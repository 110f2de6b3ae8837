/*
 * How actions of response are said.
 */
import type { ActionState, ResponseAction, ResponseList } from '../answers.js';
import { GLYPHS } from './problem.js';
import { Text } from './text.js';

export const ACTION_STATES: Readonly<
  Record<ActionState, { readonly word: string; readonly tone: keyof typeof GLYPHS }>
> = {
  planned: { word: 'Planned, not executed', tone: 'neutral' },
  waiting: { word: 'Waiting for approval, not executed', tone: 'warn' },
  refused: { word: 'Refused, not executed', tone: 'bad' },
  expired: { word: 'Plan expired, not executed', tone: 'neutral' },
  begun: { word: 'Begun, no outcome yet', tone: 'warn' },
  verified: { word: 'Done and verified', tone: 'good' },
  no_change: { word: 'No change was needed', tone: 'neutral' },
  failed: { word: 'Failed', tone: 'bad' },
  unknown: { word: 'Unknown outcome', tone: 'bad' },
};

export function ActionStateText({ of }: { readonly of: ActionState }) {
  const { word, tone } = ACTION_STATES[of];
  return (
    <span class={`state ${tone}`}>
      <span class="glyph" aria-hidden="true">
        {GLYPHS[tone]}
      </span>
      {word}
    </span>
  );
}

/** Both names of a verb: `disable-user (JumpCloud: suspend)`. */
export const verbTitle = (verb: ResponseAction['verb'], verbs: ResponseList['verbs']): string =>
  `${verb} (JumpCloud: ${verbs[verb].jumpcloud})`;

/** `ana.lima, group vpn` */
export const targetOf = ({ user, group }: Pick<ResponseAction, 'user' | 'group'>): string =>
  `${user.username}${group === undefined ? '' : `, group ${group.name}`}`;

/** The target so that nobody mistakes it. */
export function Target({ of: { user, group } }: { readonly of: Pick<ResponseAction, 'user' | 'group'> }) {
  return (
    <>
      <strong>
        <Text>{user.username}</Text>
      </strong>{' '}
      <Text>{user.email}</Text>{' '}
      <span class="dim">
        <Text>{user.id}</Text>
      </span>
      {group !== undefined && (
        <>
          , group{' '}
          <strong>
            <Text>{group.name}</Text>
          </strong>{' '}
          <span class="dim">
            <Text>{group.id}</Text>
          </span>
        </>
      )}
    </>
  );
}
