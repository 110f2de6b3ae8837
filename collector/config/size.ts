/** Bytes of a size as the configuration and DuckDB write it: `256MB` is 256,000,000. @throws RangeError for another form */
export function bytesOf(size: string): number {
  const [, amount, unit] = /^(\d+)(MB|GB)$/.exec(size) ?? [];
  if (amount === undefined) throw new RangeError(`${size} is no size`);
  return Number(amount) * (unit === 'GB' ? 1_000_000_000 : 1_000_000);
}
