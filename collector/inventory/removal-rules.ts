/** Removals beyond this share of what is known are held: Okta's import safeguard has the same default. */
const SHARE = 0.2;
/** In a small organization three of ten groups are ordinary. */
const FLOOR = 20;

/** What a complete reading lacks. */
export interface Absences {
  /** Objects or edges known so far. */
  readonly known: number;
  /** Of these, how many the reading shows. */
  readonly present: number;
  /** How many were absent the last time as well, and so would be removed. */
  readonly removable: number;
  /** An operator released the held removals of this stage. */
  readonly confirmed: boolean;
}

/** Why the removals of a stage are held; undefined where they may go on. */
export function holdReason({ known, present, removable, confirmed }: Absences): string | undefined {
  if (confirmed || removable === 0) return undefined;
  if (present === 0) return `nothing is left of ${known}`;
  const most = Math.max(FLOOR, Math.floor(known * SHARE));
  return removable > most
    ? `${removable} of ${known} are gone; more than ${most} at a time wait for a confirmation`
    : undefined;
}
