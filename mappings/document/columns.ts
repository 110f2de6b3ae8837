import { type Leaf, leavesOf, nameOfPath } from './leaves.js';
import { code, codes, markdownTable } from './markdown.js';
import type { DocumentedColumn, DocumentedTable } from './sample.js';
import type { Traced } from './trace.js';

/** What the records of a class show of an attribute. */
interface AttributeUse {
  readonly example: Leaf['value'];
  readonly events: number;
  readonly fields: ReadonlySet<string>;
}

const LONGEST_EXAMPLE = 48;
const MOST_FIELDS = 4;

/** Attributes that no single field becomes, and where they come from. */
const origins = new Map([
  ['message', 'a sentence made of the other attributes'],
  [
    'metadata.uid',
    'hash of `organization`, `service`, `id`, `timestamp`, `event_type`, `success` and `sso_token_success`',
  ],
  ['metadata.logged_time', 'when the collector fetched it'],
  ['metadata.labels[]', '`redacted`, `dated_after_fetch`'],
  ['raw_data', 'the whole record, redacted'],
  ['time_dt', '`timestamp`'],
  ['timezone_offset', '`timestamp`'],
  ['unmapped', 'every field that became no attribute'],
]);
const ORIGIN_PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/^observables/, 'copies of the attribute that `name` names'],
  [/^raw_data_/, 'of `raw_data`'],
  [/^metadata\.transformation_info_list/, 'this program'],
  [/^(class|category|activity|type)_/, 'the catalogue'],
];

/** The columns that have a value, table by table: what every table has first. */
export function describeColumns(traced: readonly Traced[], tables: readonly DocumentedTable[]): string {
  const described = tables.map((table) => ({
    table,
    uses: gather(traced, table.classUid),
    total: count(traced, table),
  }));
  const common = commonColumns(
    tables,
    described.map(({ uses }) => uses),
  );
  const everywhere = gather(traced, undefined);
  const sections = described.map(({ table, uses, total }) => {
    const columns = table.columns.filter(({ name }) => !common.has(name));
    return `### ${code(table.name)}\n\n${columnTable(columns, uses, total)}`;
  });
  const first = tables[0]?.columns.filter(({ name }) => common.has(name)) ?? [];
  return `### In every table\n\nThe view \`events\` holds these for all classes, \`admin_activity\` for all but \`authentication\`.\n\n${columnTable(first, everywhere, traced.length)}\n\n${sections.join('\n\n')}`;
}

function commonColumns(
  tables: readonly DocumentedTable[],
  uses: readonly ReadonlyMap<string, AttributeUse>[],
): Set<string> {
  const filled = (index: number) =>
    new Set(tables[index]?.columns.filter((column) => usesOf(column, uses[index]!).length > 0).map(({ name }) => name));
  const all = tables.map((_table, index) => filled(index));
  const flat = tables[0]?.columns.filter(isFlat).map(({ name }) => name) ?? [];
  return new Set([...flat, ...[...(all[0] ?? [])].filter((name) => all.every((names) => names.has(name)))]);
}

/** A column beside those of the event itself. */
function isFlat({ name, paths }: DocumentedColumn): boolean {
  return !paths.includes(name) && !name.includes('.') && !name.endsWith('_object');
}

function columnTable(
  columns: readonly DocumentedColumn[],
  uses: ReadonlyMap<string, AttributeUse>,
  total: number,
): string {
  const rows = columns.flatMap((column) => {
    const [use] = usesOf(column, uses);
    if (use === undefined) return [];
    const events = Math.max(...usesOf(column, uses).map((one) => one.events));
    const paths = column.paths.filter((path) => uses.has(path));
    return [
      [
        code(column.name),
        column.type,
        codes(paths),
        origin(paths, uses),
        example(use.example),
        events === total ? 'always' : 'sometimes',
      ],
    ];
  });
  return markdownTable(['Column', 'Type', 'OCSF path', 'JumpCloud path', 'Example', 'Filled'], rows);
}

function usesOf({ paths }: DocumentedColumn, uses: ReadonlyMap<string, AttributeUse>): AttributeUse[] {
  return paths.map((path) => uses.get(path)).filter((use) => use !== undefined);
}

function origin(paths: readonly string[], uses: ReadonlyMap<string, AttributeUse>): string {
  const [path = ''] = paths;
  const known = origins.get(path) ?? ORIGIN_PATTERNS.find(([pattern]) => pattern.test(path))?.[1];
  if (known !== undefined) return known;
  // A number and its caption are of one origin.
  const both = paths.flatMap((one) => [one, one.endsWith('_id') ? one.slice(0, -'_id'.length) : `${one}_id`]);
  const fields = [...new Set(both.flatMap((one) => [...(uses.get(one)?.fields ?? [])]))].sort();
  if (fields.length === 0) return 'derived, or fixed';
  const shown = codes(fields.slice(0, MOST_FIELDS));
  return fields.length > MOST_FIELDS ? `${shown} and ${fields.length - MOST_FIELDS} more` : shown;
}

function example(value: Leaf['value']): string {
  const text = String(value);
  return code(text.length > LONGEST_EXAMPLE ? `${text.slice(0, LONGEST_EXAMPLE)}…` : text);
}

function count(traced: readonly Traced[], { classUid }: DocumentedTable): number {
  return traced.filter(({ event }) => event.class_uid === classUid).length;
}

function gather(traced: readonly Traced[], classUid: number | undefined): Map<string, AttributeUse> {
  const uses = new Map<string, { example: Leaf['value']; events: number; fields: Set<string> }>();
  const chosen = traced.filter(({ event }) => classUid === undefined || event.class_uid === classUid);
  for (const { event } of chosen) {
    const seen = new Set<string>();
    for (const { path, value } of attributesOf(event)) {
      const use = uses.get(path) ?? { example: value, events: 0, fields: new Set() };
      uses.set(path, use);
      if (!seen.has(path)) use.events += 1;
      seen.add(path);
    }
  }
  for (const { fields } of chosen)
    for (const { field, attributes } of fields) for (const path of attributes) uses.get(path)?.fields.add(field);
  return uses;
}

/** An event's leaves, `unmapped` as the one column that it is. */
function attributesOf({ unmapped, ...event }: Traced['event']): { path: string; value: Leaf['value'] }[] {
  const leaves = leavesOf(event).map(({ steps, value }) => ({ path: nameOfPath(steps), value }));
  const time = { path: 'time_dt', value: new Date(Number(event.time)).toISOString() };
  return [...leaves, time, ...(unmapped === undefined ? [] : [{ path: 'unmapped', value: JSON.stringify(unmapped) }])];
}
