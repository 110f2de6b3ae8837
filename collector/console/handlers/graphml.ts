import type { JsonValue } from '../../../mappings/json.js';

/** A node, or with `to_id` an edge. */
interface GraphRow {
  readonly kind: string;
  readonly id: string;
  readonly name: string | null;
  readonly account: string | null;
  readonly to_kind: string | null;
  readonly to_id: string | null;
  readonly since: string | null;
}

const KEYS = [
  ['kind', 'node'],
  ['name', 'node'],
  ['account', 'node'],
  ['relation', 'edge'],
  ['since', 'all'],
] as const;
const RELATIONS: Readonly<Record<string, string>> = { group: 'HAS', application: 'ASSIGNED', role: 'HELD_BY' };

/**
 * A directory as GraphML. What an edge names and the directory does not list is a node without a name.
 * @param pieces NDJSON, nodes before edges, cut anywhere
 */
export async function* graphMl(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  yield `<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n`;
  for (const [name, of] of KEYS) yield `<key id="${name}" for="${of}" attr.name="${name}" attr.type="string"/>\n`;
  yield '<graph id="directory" edgedefault="directed">\n';
  const known = new Set<string>();
  const node = (kind: string, id: string, data: Readonly<Record<string, string | null>>) => {
    known.add(`${kind}/${id}`);
    return `<node id="${xml(`${kind}/${id}`)}">${dataOf({ kind, ...data })}</node>\n`;
  };
  for await (const row of rowsOf(pieces)) {
    const { kind, id, name, account, since, to_kind, to_id } = row;
    if (to_kind === null || to_id === null) yield node(kind, id, { name, account, since });
    else {
      const ends = [
        [kind, id],
        [to_kind, to_id],
      ] as const;
      for (const [type, end] of ends) if (!known.has(`${type}/${end}`)) yield node(type, end, {});
      const [source, target] = ends.map(([type, end]) => xml(`${type}/${end}`));
      yield `<edge source="${source}" target="${target}">${dataOf({ relation: RELATIONS[kind] ?? 'HAS', since })}</edge>\n`;
    }
  }
  yield '</graph>\n</graphml>\n';
}

async function* rowsOf(pieces: AsyncIterable<string>): AsyncGenerator<GraphRow> {
  let rest = '';
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield asRow(JSON.parse(line) as JsonValue);
  }
  if (rest !== '') yield asRow(JSON.parse(rest) as JsonValue);
}

function asRow(value: JsonValue): GraphRow {
  return value as unknown as GraphRow;
}

function dataOf(values: Readonly<Record<string, string | null>>): string {
  return Object.entries(values)
    .map(([key, value]) => (value === null ? '' : `<data key="${key}">${xml(value)}</data>`))
    .join('');
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};
/** What XML 1.0 cannot hold in any spelling. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const NOT_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

/** A text as XML has it, in an attribute or between tags. */
function xml(text: string): string {
  return text
    .toWellFormed()
    .replace(NOT_XML, '\ufffd')
    .replace(/[&<>"\t\n\r]/g, (one) => ESCAPES[one]!);
}
