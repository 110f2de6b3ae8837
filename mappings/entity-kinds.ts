import type { OcsfNamed } from './class-attributes.js';
import type { JsonObject } from './json.js';
import { readIdentity } from './named.js';
import type { RecordReader } from './record-reader.js';

/** OCSF's `managed_entity.type_id` by the words of the catalogue and of JumpCloud's records. */
const typeIds = new Map<string, number>([
  ['device', 1],
  ['system', 1],
  ['user', 2],
  ['systemuser', 2],
  ['admin', 2],
  ['group', 3],
  ['user_group', 3],
  ['system_group', 3],
  ['policy_group', 3],
  ['organization', 4],
  ['policy', 5],
  ['authn_policy', 5],
  ['network zone', 7],
  ['ip_list', 7],
  ['iplist', 7],
]);

/** A thing of a kind, as OCSF's `managed_entity`: of a kind that OCSF lacks, `type` is the word for it. */
export function managedEntity(
  reader: RecordReader,
  kind: string,
  uid: string | undefined,
  name: string | undefined,
): OcsfNamed {
  const typeId = typeIds.get(kind.toLowerCase()) ?? 99;
  const entity: OcsfNamed = { type_id: typeId, type: typeId === 99 ? kind : reader.caption('entityType', typeId) };
  if (uid !== undefined) entity.uid = uid;
  if (name !== undefined) entity.name = name;
  return entity;
}

/** The thing that an object of the record names, of the given kind, else of the kind that its own `type` says. */
export function readEntity(
  reader: RecordReader,
  of: JsonObject | undefined,
  eventType: string,
  kind?: string,
): OcsfNamed | undefined {
  const thing = readIdentity(reader, of);
  if (thing === undefined) return undefined;
  const word = reader.peek(of, 'type');
  const entity = managedEntity(reader, kind ?? word ?? eventType, thing.uid, thing.name);
  // The record's own word stays for `unmapped` where the caption says less.
  if (word !== undefined && word.toLowerCase() === entity.type!.toLowerCase()) reader.consume(of, 'type');
  return entity;
}
