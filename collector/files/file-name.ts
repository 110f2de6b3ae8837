/**
 * A feed's or lane's name as a part of a file name: no two names look the same, none leaves its directory.
 * `backfill/2026-11-01T00:00:00Z_2026-11-02T00:00:00Z` becomes `backfill+2026-11-01T00.00.00Z_2026-11-02T00.00.00Z`.
 */
export function fileNameOf(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/gu, (character) => {
    if (character === '/') return '+';
    if (character === ':') return '.';
    return encodeURIComponent(character.toWellFormed()).replace(
      /[^%A-Za-z0-9]/g,
      (left) => `%${left.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  });
}
