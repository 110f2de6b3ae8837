/** A stretch of time: whole seconds since the epoch, `from` inclusive, `to` exclusive. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** A range, and the event types that somebody reads of it. */
export interface TypedRange<Type extends string = string> extends Range {
  readonly types: readonly Type[];
}

/** The parts of a range of which some types were not read by anybody else, each with these types; oldest first. */
export function unread<Type extends string>(
  { from, to, types }: TypedRange<Type>,
  others: readonly TypedRange<Type>[],
): TypedRange<Type>[] {
  const edges = others.flatMap((other) => [other.from, other.to]).filter((edge) => edge > from && edge < to);
  const steps = [...new Set([from, ...edges, to])].sort((a, b) => a - b);
  const parts: TypedRange<Type>[] = [];
  for (const [index, end] of steps.entries()) {
    const start = steps[index - 1];
    if (start === undefined) continue;
    const over = others.filter((other) => other.from <= start && other.to >= end);
    const left = types.filter((type) => !over.some((other) => other.types.includes(type)));
    const last = parts.at(-1);
    if (last?.to === start && last.types.join() === left.join()) parts[parts.length - 1] = { ...last, to: end };
    else if (left.length > 0) parts.push({ from: start, to: end, types: left });
  }
  return parts;
}

const FORM = /^backfill\/(\d{8}T\d{6}Z)_(\d{8}T\d{6}Z)(?:_[a-z]+)*$/;

/**
 * `backfill/20260801T000000Z_20260901T000000Z`: the lane that fills a range.
 * @param types where they are not those of the feed: part of the name, `…_login_admin`
 */
export function backfillLane({ from, to }: Range, types: readonly string[] = []): string {
  return [`backfill/${compact(from)}`, compact(to), ...types].join('_');
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
