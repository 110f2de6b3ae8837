import { join } from 'node:path';
import { fileNameOf } from '../../files/file-name.js';

/** Where things lie below the tables' directory. A table's file is named relative to it: `authentication/event_day=2026-11-01/acme-live-0000000012.parquet`. */

const day = /^event_day=(\d{4}-\d{2}-\d{2})$/;

/** The partition of instants that no calendar day of four-digit years holds. */
const NULL_PARTITION = '__HIVE_DEFAULT_PARTITION__';

/** Directory of a feed's state. */
export function stateDirectory(directory: string, feed: string): string {
  return join(directory, '.state', fileNameOf(feed));
}

/** A table's files of one day, relative to the tables' directory. */
export function groupOf(table: string, time: number): string {
  return `${table}/event_day=${time >= FIRST_INSTANT && time < END_OF_INSTANTS ? dayOf(time) : NULL_PARTITION}`;
}

/** Epoch milliseconds of the years 0001 to 9999, the end exclusive: what Delta's `date` and `timestamp` hold. */
export const FIRST_INSTANT = Date.parse('0001-01-01T00:00:00Z');
export const END_OF_INSTANTS = Date.parse('9999-12-31T23:59:59.999Z') + 1;

/** The directory of a table's log. */
export function logDirectory(directory: string, table: string): string {
  return join(directory, table, '_delta_log');
}

/** Where a table's locks are. */
export function tableStateDirectory(directory: string, table: string): string {
  return join(directory, '.state', '.tables', table);
}

/** Where files of a table's merges wait until they are published. */
export function tableStagingDirectory(directory: string, table: string): string {
  return join(tableStateDirectory(directory, table), 'aside');
}

/** Where a process keeps what DuckDB spills while it writes below the tables' directory. */
export function engineDirectory(directory: string): string {
  return join(directory, '.state', '.engine');
}

/** The UTC day of an instant in epoch milliseconds, `YYYY-MM-DD`. */
export function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, -'T00:00:00.000Z'.length);
}

/** The day in the name of a group; undefined where it is none. */
export function dayOfGroup(group: string): string | undefined {
  return day.exec(group.slice(group.indexOf('/') + 1))?.[1];
}

/** How the names of a lane's files begin. */
export function filePrefix(feed: string, lane: string): string {
  return `${fileNameOf(feed)}-${fileNameOf(lane)}-`;
}

/** A lane's file: `part` counts where one commit has several of one group. */
export function fileName(prefix: string, sequence: number, part: number): string {
  return `${prefix}${String(sequence).padStart(10, '0')}${part === 0 ? '' : `.${part}`}.parquet`;
}

/** The number of the commit that wrote a file, for a name with this prefix; undefined for other lanes' files. */
export function sequenceOf(prefix: string, name: string): number | undefined {
  if (!name.startsWith(prefix)) return undefined;
  const found = /^(\d{10,})(?:\.\d+)?\.parquet$/.exec(name.slice(prefix.length));
  return found ? Number(found[1]) : undefined;
}

/** The name of a table's file while it waits for its commit. It ends in no `.parquet`, so that no pattern finds it. */
export function stagedName(file: string): string {
  return `${file.replaceAll('/', '~')}.aside`;
}

/** The reverse of `stagedName`; undefined for other names. */
export function fileOfStaged(name: string): string | undefined {
  return name.endsWith('.parquet.aside') ? name.slice(0, -'.aside'.length).replaceAll('~', '/') : undefined;
}
