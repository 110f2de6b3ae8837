import type { Provenance as Where } from '../answers.js';
import { Text } from './text.js';

/** Where a feed is written down. */
export function Provenance({ of }: { readonly of: Where }) {
  return (
    <span class="badge">
      {of.kind === 'console' ? 'console' : of.kind === 'api' ? 'API: ' : ''}
      {of.kind !== 'console' && <Text>{of.where}</Text>}
      {of.readOnly && ', read-only'}
    </span>
  );
}
