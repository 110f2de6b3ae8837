import { isObject, type JsonObject } from '../../../../mappings/json.js';

// The actions of Delta Lake's transaction log, as far as protocol reader 1, writer 2 needs them:
// https://github.com/delta-io/delta/blob/master/PROTOCOL.md#actions

export interface Protocol {
  readonly minReaderVersion: number;
  readonly minWriterVersion: number;
}

export interface MetaData {
  readonly id: string;
  readonly name?: string | null;
  readonly description?: string | null;
  readonly format: { readonly provider: string; readonly options: Readonly<Record<string, string>> };
  readonly schemaString: string;
  readonly partitionColumns: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
  readonly createdTime?: number | null;
}

/** A file that is part of the table. */
export interface Add {
  /** Relative to the table's directory, URI-encoded. */
  readonly path: string;
  readonly partitionValues: Readonly<Record<string, string | null>>;
  readonly size: number;
  /** Epoch milliseconds. */
  readonly modificationTime: number;
  readonly dataChange: boolean;
  /** JSON text: `numRecords`, `minValues`, `maxValues`, `nullCount`. */
  readonly stats?: string | null;
  readonly tags?: Readonly<Record<string, string | null>> | null;
}

/** A file that is no longer part of it. It stays readable until `deletionTimestamp` is older than the retention. */
export interface Remove {
  readonly path: string;
  /** Epoch milliseconds. */
  readonly deletionTimestamp?: number | null;
  readonly dataChange: boolean;
  readonly partitionValues?: Readonly<Record<string, string | null>> | null;
  readonly size?: number | null;
}

/** How far a writer's own sequence has come. */
export interface Txn {
  readonly appId: string;
  readonly version: number;
  readonly lastUpdated?: number | null;
}

/** One line of a version file, one row of a checkpoint. */
export type Action =
  | { readonly protocol: Protocol }
  | { readonly metaData: MetaData }
  | { readonly add: Add }
  | { readonly remove: Remove }
  | { readonly txn: Txn }
  | { readonly commitInfo: JsonObject };

/** What a version says of itself, for people. */
export function commitInfo(operation: string, timestamp: number, isBlindAppend = false): Action {
  return { commitInfo: { timestamp, operation, operationParameters: {}, isBlindAppend } };
}

/** Takes a file out of the table. */
export function removeOf(
  { path, partitionValues, size }: Pick<Add, 'path' | 'partitionValues' | 'size'>,
  deletionTimestamp: number,
  dataChange: boolean,
): Action {
  return { remove: { path, deletionTimestamp, dataChange, partitionValues, size } };
}

const checks: Readonly<Record<string, (value: JsonObject) => boolean>> = {
  protocol: ({ minReaderVersion, minWriterVersion }) => isCount(minReaderVersion) && isCount(minWriterVersion),
  metaData: ({ id, schemaString, partitionColumns }) =>
    typeof id === 'string' && typeof schemaString === 'string' && Array.isArray(partitionColumns),
  add: ({ path, partitionValues, size }) => typeof path === 'string' && isObject(partitionValues) && isCount(size),
  remove: ({ path }) => typeof path === 'string',
  txn: ({ appId, version }) => typeof appId === 'string' && Number.isSafeInteger(version),
};

/**
 * The actions of a version file or a checkpoint, one JSON object per line. Kinds that this program does not know carry
 * nothing that a reader of protocol 1 needs, and are passed over.
 * @returns undefined where a line is no action: the text is torn or no log
 */
export function parseActions(text: string): Action[] | undefined {
  const actions: Action[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      return undefined;
    }
    if (!isObject(value)) return undefined;
    for (const [kind, check] of Object.entries(checks)) {
      const body = value[kind];
      if (body === undefined || body === null) continue;
      if (!isObject(body) || !check(body)) return undefined;
      actions.push({ [kind]: body } as unknown as Action);
    }
  }
  return actions;
}

/** The text of a version file. */
export function actionsText(actions: readonly Action[]): string {
  return actions.map((action) => `${JSON.stringify(action)}\n`).join('');
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
