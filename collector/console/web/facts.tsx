import { Fragment } from 'preact';
import { Text } from './text.js';

/** Names and values; a value that is not known says so. */
export function Facts({ of }: { readonly of: readonly (readonly [label: string, value: string | null])[] }) {
  return (
    <dl class="facts">
      {of.map(([label, value]) => (
        <Fragment key={label}>
          <dt>{label}</dt>
          <dd>{value === null ? <span class="dim">unknown</span> : <Text>{value}</Text>}</dd>
        </Fragment>
      ))}
    </dl>
  );
}
