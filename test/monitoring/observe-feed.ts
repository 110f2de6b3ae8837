import type { FeedConfig } from '../../collector/config/feed-config.js';
import { loadConfig } from '../../collector/config/load-config.js';
import type { InventoryPosition, MarkerStage } from '../../collector/inventory/position.js';
import type { CommitReport } from '../../collector/pipeline/observer.js';
import { type Counts, type Cursor, noCounts } from '../../collector/position/cursor.js';
import type { StoredCursor } from '../../collector/position/cursor-codec.js';
import { reconciledHours } from '../../collector/reconcile/hour-report.js';
import { inMemory } from '../../collector/reconcile/hourly-ledger.js';
import type { ReconcileReport } from '../../collector/reconcile/observer.js';
import type { DeadLetter, DeadLetterReason } from '../../mappings/dead-letter.js';
import type { NormalisedEvent } from '../../mappings/event.js';
import { storedCursor } from '../position/stored-cursor.js';

/** A live lane's cursor for tests of those who look on. */
export function cursorAt(settled: string, more: Partial<StoredCursor> = {}): Cursor {
  const organization = '5f0000000000000000000001';
  return storedCursor({ settled, organization, services: ['directory', 'sso'], ...more });
}

/** A live lane's cursor whose last compared hour is 2026-11-20T22:00:00Z: JumpCloud's count, delivered, dead letters. */
export function comparedCursor(
  services: Readonly<Record<string, readonly [count: number | null, delivered: number, deadLetters: number]>>,
): Cursor {
  const hour = Date.UTC(2026, 10, 20, 22) / 3_600_000;
  const rows = Object.entries(services).map(([service, [count, delivered, deadLetters]]) => {
    return [service, { count, delivered, deadLetters, raw: 0, notSelected: 0, explained: 0 }] as const;
  });
  const hourly = { whole: hour - 1, compared: hour, hours: new Map([[hour, new Map(rows)]]) };
  return cursorAt('2026-11-20T23:30:00Z', { memory: inMemory(hourly) });
}

/** What a finished pass reports that has left this cursor. */
export function passOver(cursor: Cursor): ReconcileReport {
  const figures = { asked: 3, reread: 0, found: 0, explained: 0, unknown: 0, reason: undefined, finished: true };
  return { from: 0, to: 0, ...figures, ...reconciledHours(cursor) };
}

/** What a commit reports, with everything that is not named left empty. */
export function report(of: Partial<Omit<CommitReport, 'counts'>> & { counts?: Partial<Counts> }): CommitReport {
  return {
    cursor: cursorAt('2026-11-21T00:00:00Z'),
    events: [],
    deadLetters: [],
    durationMs: 20,
    lateness: [],
    unknownTypes: [],
    variants: 0,
    reusedIds: [],
    ...of,
    counts: { ...noCounts, ...of.counts },
  };
}

export function eventOf(classUid: number, eventCode = 'user_login_attempt'): NormalisedEvent {
  return {
    uid: '0'.repeat(32),
    classUid,
    typeUid: classUid * 100 + 1,
    time: 0,
    eventCode,
    partitionKey: 'a',
    text: '{}',
  };
}

export function deadLetterOf(reason: DeadLetterReason, uid = '1'.repeat(32)): DeadLetter {
  return {
    uid,
    reason,
    message: 'the record has no id',
    details: [],
    service: 'sso',
    event_type: 'sso_auth',
    raw: '{"private":"content"}',
    raw_size: 21,
    raw_sha256: 'f'.repeat(64),
  };
}

/** A feed's configuration as it loads from an environment. */
export function configOf(env: Record<string, string> = {}): FeedConfig {
  const readFile = () => {
    throw new Error('no files here');
  };
  return loadConfig({ env: { FEED_NAME: 'acme', ...env }, readFile }).feeds[0]!;
}

export const tablesAt = { kind: 'tables', target: './data/tables', guarantee: 'exactly_once' } as const;

/** The status of an inventory whose memberships were held and whose roles could not be read. */
export function inventoryPosition(): InventoryPosition {
  const stage = (name: string, more: Partial<MarkerStage> = {}): MarkerStage => {
    return { stage: name, complete: true, count: 3, changed: 1, gone: 0, ...more };
  };
  const at = Date.UTC(2026, 10, 20, 22);
  const held = { generation: 4, held: 40, held_reason: '40 of 80 are gone' };
  return {
    version: 1,
    organization: '5f0000000000000000000001',
    generation: 7,
    at: undefined,
    finished: true,
    observedAt: at,
    readAt: { users: at, memberships: at - 3_600_000 },
    fullAt: at - 86_400_000,
    complete: { generation: 3, at: at - 7_200_000 },
    accountName: undefined,
    marker: {
      v: 1,
      generation: 7,
      snapshot: 'snap-2026-11-20T22:00:00.000Z-000007',
      org: '5f0000000000000000000001',
      full: false,
      started: at,
      finished: at + 1_000,
      stages: [
        stage('users'),
        stage('roles', { complete: false, reason: 'the role lacks roles.readonly' }),
        stage('memberships', held),
      ],
      incomplete: ['roles'],
      removals_held: 40,
    },
  };
}
