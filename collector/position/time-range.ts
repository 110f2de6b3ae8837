/** A range of time: whole seconds since the epoch, `from` inclusive, `to` exclusive. */
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
