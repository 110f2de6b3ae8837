/** The same schema, but with no field that it does not describe: readers let those pass, we describe what we add. */
export function strict(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(strict);
  if (typeof node !== 'object' || node === null) return node;
  const inner = Object.fromEntries(Object.entries(node).map(([name, value]) => [name, strict(value)]));
  return 'properties' in node && 'required' in node ? { ...inner, additionalProperties: false } : inner;
}
