import type { JsonObject } from './json.js';
import type { RecordReader } from './record-reader.js';

/** OCSF `os`. */
export interface OcsfOs {
  name: string;
  type_id: number;
  type: string;
  version?: string;
}

/** OCSF's families by the words that operating systems are called with in JumpCloud's records. */
const typeIds = new Map<string, number>([
  ['windows', 100],
  ['linux', 200],
  ['ubuntu', 200],
  ['debian', 200],
  ['fedora', 200],
  ['rhel', 200],
  ['red hat', 200],
  ['centos', 200],
  ['rocky', 200],
  ['amazon linux', 200],
  ['mint', 200],
  ['suse', 200],
  ['android', 201],
  ['mac os x', 300],
  ['macos', 300],
  ['mac os', 300],
  ['darwin', 300],
  ['ios', 301],
  ['ipados', 302],
  ['solaris', 400],
  ['aix', 401],
]);

/** An operating system by JumpCloud's name for it. */
export function osNamed(reader: RecordReader, name: string, version: string | undefined): OcsfOs {
  const lower = name.toLowerCase();
  let typeId = typeIds.get(lower) ?? 99;
  if (typeId === 99 && lower.startsWith('windows ')) typeId = lower.includes('phone') ? 101 : 100;
  const os: OcsfOs = { name, type_id: typeId, type: typeId === 99 ? name : reader.caption('osType', typeId) };
  if (version !== undefined) os.version = version;
  return os;
}

/** The operating system of the parsed user agent; `Other` is the parser's word for "could not tell". */
export function readUserAgentOs(reader: RecordReader): OcsfOs | undefined {
  const agent = reader.object(reader.record, 'useragent') ?? reader.object(reader.record, 'user_agent');
  const key = reader.peek(agent, 'os') === undefined ? 'os_name' : 'os';
  const name = reader.peek(agent, key);
  if (agent === undefined || name === undefined || name === 'Other') return undefined;
  reader.consume(agent, key);
  if (key === 'os' && agent.os_name === name) reader.consume(agent, 'os_name');
  return osNamed(reader, name, reader.text(agent, 'os_version'));
}

/** The operating system of a device as `auth_context.system` and `system` give it. */
export function readDeviceOs(reader: RecordReader, system: JsonObject): OcsfOs | undefined {
  const name = reader.text(system, 'os');
  return name === undefined ? undefined : osNamed(reader, name, reader.text(system, 'version'));
}
