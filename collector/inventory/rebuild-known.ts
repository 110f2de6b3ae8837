import { isObject, type JsonObject } from '../../mappings/json.js';
import type { Sink } from '../sinks/sink.js';
import { edgeKey, encodeEntry, idKey, listKey, type targetTypes } from './entry.js';
import { KnownState } from './known-state.js';
import type { InventoryPosition } from './position.js';
import { Sorter } from './sorted-file.js';
import { type DeliveredName, objectStages } from './stages.js';

const edgeTypes: Readonly<Record<string, DeliveredName>> = {
  membership: 'memberships',
  assignment: 'assignments',
  role_holder: 'role_holders',
  account_edge: 'account_edges',
};
const empty = Buffer.alloc(0);
const byTarget: Readonly<Record<string, (typeof targetTypes)[number]>> = {
  user: 'user',
  group: 'user_group',
  administrator: 'administrator',
};

/**
 * Makes what is known anew from what the sink holds, after the local files were lost.
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
  const types = [...objectStages.map(({ kind }) => kind), ...Object.keys(edgeTypes), 'person'];
  for await (const { type, value } of sink.currentEntities?.(types) ?? []) {
    const found = value === undefined ? undefined : (JSON.parse(value) as JsonObject);
    if (found === undefined || found.org !== position.organization) continue;
    const entry = (json: Buffer, isKnown = true) =>
      encodeEntry({ absent: 0, known: isKnown, firstSeen: Math.floor(Number(found.first_seen) / 1000), json });
    const edges = edgeTypes[type];
    if (edges !== undefined && isObject(found.from) && isObject(found.to)) {
      const list = listKey(String(found.from.id), byTarget[String(found.to.type)] ?? 'user');
      const key = edgeKey(list, String(found.to.id));
      sorterOf(edges).add({ key, value: entry(empty, found.endpoints_known !== false) });
    } else if (type === 'person') {
      const { v: _v, kind, id, first_seen: _f, last_confirmed: _l, generation: _g, snapshot: _s, ...rest } = found;
      const { org: _o, account_name: _a, ...person } = rest;
      const key = Buffer.concat([Buffer.from([kind === 'user' ? 0 : 1]), idKey(String(id))]);
      sorterOf('people').add({ key, value: entry(Buffer.from(JSON.stringify(person))) });
    } else {
      const stage = objectStages.find(({ kind }) => kind === type);
      if (stage === undefined) continue;
      const json = Buffer.from(JSON.stringify(found.attributes));
      sorterOf(stage.name).add({ key: idKey(String(found.id)), value: entry(json) });
    }
  }
  let records = 0;
  for (const [stage, sorter] of sorters) {
    const facts = await sorter.finish();
    records += facts.records;
    await known.replace(stage, generation, facts.records);
  }
  return records;
}
