import type { JsonValue } from '../../mappings/json.js';
import { type Journal, journalLines, openJournal, verifyJournal } from '../files/hash-chained-journal.js';
import type { Log } from '../log/logger.js';
import type { AuditRecord } from './activity-event.js';
import type { AuditEntry, AuditPage, AuditVerification } from './answers.js';

/** Name of the journal in `console.directory`. */
export const AUDIT = 'audit';
const PAGE = 100;

/** Who did what: a hash-chained journal, a line in the log, and an event of its own. */
export interface Audit {
  /** @throws CollectorError STORAGE_FAILED: nothing was written */
  write(record: AuditRecord): Promise<void>;
  /** Newest first. @param before a line's number; undefined: from the newest */
  page(before: number | undefined, filter: { actor?: string; target?: string }): Promise<AuditPage>;
  verify(): Promise<AuditVerification>;
  close(): Promise<void>;
}

/**
 * @param directory `console.directory`
 * @param now epoch milliseconds
 * @param written called after each line, so that its event is delivered
 */
export async function openAudit(directory: string, now: () => number, log: Log, written: () => void): Promise<Audit> {
  const journal: Journal = await openJournal(directory, AUDIT, now);
  if (journal.recovered > 0)
    log.warn(`the audit's last line was cut short by a crash: ${journal.recovered} bytes were taken off`);
  return {
    async write(record) {
      await journal.append(JSON.parse(JSON.stringify(record)) as Record<string, JsonValue>);
      log.info(`console: ${record.actor.name} ${record.operation}`, {
        target: record.target?.name,
        status: record.status,
        address: record.address,
        request: record.request,
      });
      written();
    },
    async page(before, { actor, target }) {
      const kept: AuditEntry[] = [];
      for await (const { number, entry } of journalLines(directory, AUDIT)) {
        if (before !== undefined && number >= before) break;
        const shown = entryOf(number, entry as unknown as AuditRecord);
        if (actor !== undefined && shown.actor !== actor) continue;
        if (target !== undefined && shown.target !== target) continue;
        kept.push(shown);
        if (kept.length > PAGE + 1) kept.shift();
      }
      const entries = kept.slice(-PAGE).reverse();
      return { entries, next: kept.length > PAGE ? (entries.at(-1)?.number ?? null) : null };
    },
    async verify() {
      const { lines, broken } = await verifyJournal(directory, AUDIT);
      return { intact: broken === undefined, lines, broken: broken ?? null };
    },
    close: () => journal.close(),
  };
}

function entryOf(number: number, record: AuditRecord): AuditEntry {
  return {
    number,
    time: record.time,
    actor: record.actor.name,
    role: record.actor.role,
    kind: record.actor.kind,
    address: record.address,
    operation: record.operation,
    target: record.target?.name ?? null,
    status: record.status,
    changes: record.changes,
  };
}
