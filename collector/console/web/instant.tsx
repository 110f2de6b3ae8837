import { Text } from './text.js';
import { formatDistance, formatInstant, useZone } from './zone.js';

/** A moment with its zone and its distance from now; `unknown` where there is none. */
export function Instant({
  at,
  distance = true,
}: {
  readonly at: string | null | undefined;
  readonly distance?: boolean;
}) {
  const zone = useZone();
  if (at === null || at === undefined) return <span class="dim">unknown</span>;
  return (
    <time dateTime={at}>
      <Text>{formatInstant(at, zone)}</Text>
      {distance && <span class="dim"> ({formatDistance(at)})</span>}
    </time>
  );
}

/** A number with its thousands apart; `unknown` is never 0. */
export function Count({ of }: { readonly of: number | null | undefined }) {
  return of === null || of === undefined ? (
    <span class="dim">unknown</span>
  ) : (
    <span class="count">{of.toLocaleString('en')}</span>
  );
}
