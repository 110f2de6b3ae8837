/** A stretch of time: whole seconds since the epoch, `from` inclusive, `to` exclusive. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** The parts of a range that none of the others covers, oldest first. */
export function uncovered(range: Range, others: readonly Range[]): Range[] {
  const parts: Range[] = [];
  let from = range.from;
  for (const other of [...others].sort((a, b) => a.from - b.from)) {
    if (other.to <= from || other.from >= range.to) continue;
    if (other.from > from) parts.push({ from, to: other.from });
    from = Math.max(from, other.to);
  }
  if (from < range.to) parts.push({ from, to: range.to });
  return parts;
}

const FORM = /^backfill\/(\d{8}T\d{6}Z)_(\d{8}T\d{6}Z)$/;

/** `backfill/20260801T000000Z_20260901T000000Z`: the lane that fills a range. */
export function backfillLane({ from, to }: Range): string {
  return `backfill/${compact(from)}_${compact(to)}`;
}

/** The range of a backfill lane; undefined for any other lane. */
export function backfillRange(lane: string): Range | undefined {
  const found = FORM.exec(lane);
  return found ? { from: expand(found[1]!), to: expand(found[2]!) } : undefined;
}

function compact(second: number): string {
  return new Date(second * 1000).toISOString().replace(/[-:]|\.000/g, '');
}

function expand(text: string): number {
  return Date.parse(text.replace(/^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/, '$1-$2-$3T$4:$5:$6Z')) / 1000;
}
