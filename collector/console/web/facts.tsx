import type { ComponentChildren } from 'preact';
import { Text } from './text.js';

/** Names and values; a value that is not known (null) says so. */
export function Facts({ of }: { readonly of: readonly (readonly [label: string, value: ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {of.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>
            {value === null ? (
              <span class="dim">unknown</span>
            ) : typeof value === 'string' ? (
              <Text>{value}</Text>
            ) : (
              value
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}
