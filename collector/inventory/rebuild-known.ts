import type { JsonObject } from '../../mappings/json.js';
import type { Sink } from '../sinks/sink.js';
import { edgeKey, encodeEntry, idKey, listKey } from './entry.js';
import { KnownState } from './known-state.js';
import { personKey } from './people.js';
import type { InventoryPosition } from './position.js';
import { Sorter } from './sorted-file.js';
import { type DeliveredName, objectStages } from './stages.js';

const edgeTypes = ['membership', 'assignment', 'role_holder', 'account_edge'];
const empty = Buffer.alloc(0);
/**
 * Rebuilds what is known from what the sink holds, after the local files were lost.
 * @returns how many objects and edges
 */
export async function rebuildKnown(directory: string, sink: Sink, position: InventoryPosition): Promise<number> {
  const known = await KnownState.create(directory);
  const { generation } = position;
  const sorters = new Map<DeliveredName, Sorter>();
  const sorterOf = (stage: DeliveredName) => {
    const found = sorters.get(stage) ?? new Sorter(known.next(stage, generation));
    sorters.set(stage, found);
    return found;
  };
  const types = [...objectStages.map(({ kind }) => kind), ...edgeTypes, 'person'];
  for await (const { type, key: name, value } of sink.currentEntities?.(types) ?? []) {
    const [org, ...ids] = name.split('/');
    if (org !== position.organization) continue;
    const place = placeOf(type, ids);
    if (place === undefined) continue;
    const found = value === undefined ? undefined : (JSON.parse(value) as JsonObject);
    sorterOf(place.stage).add({ key: place.key, value: found === undefined ? empty : encodedOf(type, found) });
  }
  const records = new Map<DeliveredName, number>();
  for (const [stage, sorter] of sorters) records.set(stage, (await sorter.finish()).records);
  // One that is cut short leaves nothing that looks whole.
  await known.replaceAll(generation, records);
  return [...records.values()].reduce((sum, one) => sum + one, 0);
}

/** The stage and key of an entity by its type and the ids in its name; undefined for a type of another kind. */
function placeOf(type: string, ids: readonly string[]): { stage: DeliveredName; key: Buffer } | undefined {
  const [first = '', second = '', third = ''] = ids;
  switch (type) {
    case 'membership':
      return { stage: 'memberships', key: edgeKey(listKey(first, 'user'), second) };
    case 'assignment':
    case 'account_edge': {
      const key = edgeKey(listKey(first, second === 'group' ? 'user_group' : 'user'), third);
      return { stage: type === 'assignment' ? 'assignments' : 'account_edges', key };
    }
    case 'role_holder':
      return { stage: 'role_holders', key: edgeKey(listKey(first, 'administrator'), second) };
    case 'person':
      return { stage: 'people', key: personKey(first === 'user' ? 'user' : 'administrator', second) };
    default: {
      const stage = objectStages.find(({ kind }) => kind === type);
      return stage && { stage: stage.name, key: idKey(first) };
    }
  }
}

function encodedOf(type: string, found: JsonObject): Buffer {
  const firstSeen = Math.floor(Number(found.first_seen) / 1000);
  const known = found.endpoints_known !== false;
  if (isEdge(type)) return encodeEntry({ absent: 0, known, firstSeen, json: empty });
  const { attributes, ...rest } = found;
  const content = type === 'person' ? personFieldsOf(rest) : (attributes ?? {});
  return encodeEntry({ absent: 0, known, firstSeen, json: Buffer.from(JSON.stringify(content)) });
}

function isEdge(type: string): boolean {
  return edgeTypes.includes(type);
}

/** What a person's record adds to what is kept of it. */
const added = new Set([
  'v',
  'kind',
  'id',
  'first_seen',
  'last_confirmed',
  'generation',
  'snapshot',
  'org',
  'account_name',
]);

function personFieldsOf(found: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(found).filter(([name]) => !added.has(name))) as JsonObject;
}
