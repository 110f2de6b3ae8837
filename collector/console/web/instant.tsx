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
  const [date, ...clock] = formatInstant(at, zone).split(' ');
  return (
    <time dateTime={at}>
      <span class="unbroken">{date}</span> <span class="unbroken">{clock.join(' ')}</span>
      {distance && (
        <>
          {' '}
          <span class="dim unbroken">({formatDistance(at)})</span>
        </>
      )}
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
