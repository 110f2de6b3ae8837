import type { Action, Add, MetaData, Protocol, Remove, Txn } from './actions.js';

/** A table as of one version of its log. */
export interface TableSnapshot {
  /** -1: there is no log yet. */
  readonly version: number;
  readonly protocol: Protocol | undefined;
  readonly metaData: MetaData | undefined;
  /** Files of the table by path. */
  readonly files: ReadonlyMap<string, Add>;
  /** Files that were removed and whose retention may not be over, by path. */
  readonly removed: ReadonlyMap<string, Remove>;
  readonly txns: ReadonlyMap<string, Txn>;
}

export const noTable: TableSnapshot = {
  version: -1,
  protocol: undefined,
  metaData: undefined,
  files: new Map(),
  removed: new Map(),
  txns: new Map(),
};

/** The snapshot of `version`: an earlier one with everything that happened since. */
export function withActions(before: TableSnapshot, actions: Iterable<Action>, version: number): TableSnapshot {
  let { protocol, metaData } = before;
  const files = new Map(before.files);
  // What was removed in an hour may be ten times what is there, and most changes only append.
  let removed: Map<string, Remove> | undefined;
  const removals = () => (removed ??= new Map(before.removed));
  const txns = new Map(before.txns);
  for (const action of actions) {
    if ('add' in action) {
      files.set(action.add.path, action.add);
      if ((removed ?? before.removed).has(action.add.path)) removals().delete(action.add.path);
    } else if ('remove' in action) {
      files.delete(action.remove.path);
      removals().set(action.remove.path, action.remove);
    } else if ('txn' in action) txns.set(action.txn.appId, action.txn);
    else if ('metaData' in action) metaData = action.metaData;
    else if ('protocol' in action) protocol = action.protocol;
  }
  return { version, protocol, metaData, files, removed: removed ?? before.removed, txns };
}

/**
 * What a checkpoint of this snapshot holds.
 * @param removedSince removals before this instant are left out; their files are gone
 */
export function checkpointActions(snapshot: TableSnapshot, removedSince: number): Action[] {
  const { protocol, metaData, files, removed, txns } = snapshot;
  return [
    ...(protocol ? [{ protocol }] : []),
    ...(metaData ? [{ metaData }] : []),
    ...[...txns.values()].map((txn) => ({ txn })),
    ...[...files.values()].map((add) => ({ add: { ...add, dataChange: false } })),
    ...[...removed.values()]
      .filter(({ deletionTimestamp }) => (deletionTimestamp ?? 0) >= removedSince)
      .map((remove) => ({ remove: { ...remove, dataChange: false } })),
  ];
}
