import { code, codes, markdownTable } from './markdown.js';
import type { FieldTrace, Traced } from './trace.js';

/** What became of a field over all records that have it. */
interface FieldUse {
  /** Classes by attribute. */
  readonly carried: Map<string, Set<number>>;
  readonly decided: Map<string, Set<number>>;
  readonly results: Set<FieldTrace['result']>;
}

/** Which attribute each field becomes, and which fields are kept under `unmapped` or redacted. */
export function describeFields(traced: readonly Traced[]): string {
  const uses = gather(traced);
  const classes = new Set(traced.map(({ event }) => Number(event.class_uid))).size;
  const names = [...uses.keys()].sort();
  const mapped = names.filter((name) =>
    ['mapped', 'copied'].some((result) => uses.get(name)?.results.has(result as FieldTrace['result'])),
  );
  const rows = mapped.map((name) => [code(name), describeUse(uses.get(name)!, classes)]);
  const unmapped = names.filter((name) => !mapped.includes(name) && uses.get(name)?.results.has('unmapped'));
  const redacted = names.filter((name) => uses.get(name)?.results.has('redacted'));
  return `${markdownTable(['JumpCloud field', 'OCSF attribute'], rows)}

Kept as they are under \`unmapped\`, at the same path: ${codes(unmapped)}.

Redacted where they hold a secret (by their own name, or by the name in \`field\` beside them): ${codes(redacted)}. In place of the value stands \`[redacted]\`, in \`raw_data\` too, and \`metadata.labels\` holds \`redacted\`.`;
}

function gather(traced: readonly Traced[]): Map<string, FieldUse> {
  const uses = new Map<string, FieldUse>();
  for (const { event, fields } of traced)
    for (const { field, result, attributes, carried } of fields) {
      const use = uses.get(field) ?? { carried: new Map(), decided: new Map(), results: new Set() };
      uses.set(field, use);
      use.results.add(result);
      const target = carried ? use.carried : use.decided;
      for (const path of attributes) target.set(path, (target.get(path) ?? new Set()).add(Number(event.class_uid)));
    }
  return uses;
}

function describeUse({ carried, decided, results }: FieldUse, classes: number): string {
  const parts = [
    ...byClasses(carried, classes),
    ...byClasses(new Map([...decided].filter(([path]) => !carried.has(path))), classes).map(
      (part) => `decides ${part}`,
    ),
  ];
  if (results.has('copied')) parts.push('also `unmapped`');
  else if (results.has('unmapped')) parts.push('else `unmapped`');
  return parts.join('; ');
}

/** Attributes that the same classes have, together: `user.uid` (3001, 3002). */
function byClasses(paths: ReadonlyMap<string, ReadonlySet<number>>, classes: number): string[] {
  const groups = new Map<string, string[]>();
  for (const [path, uids] of [...paths].sort()) {
    const key = uids.size === classes ? '' : [...uids].sort((a, b) => a - b).join(', ');
    groups.set(key, [...(groups.get(key) ?? []), path]);
  }
  return [...groups].map(([uids, names]) => (uids === '' ? codes(names) : `${codes(names)} (${uids})`));
}
