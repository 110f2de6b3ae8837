import type { RecordHeader } from './record.js';
import type { RecordReader } from './record-reader.js';

/** What the metadata needs besides the record. */
export interface Provenance {
  readonly header: RecordHeader;
  /** Epoch milliseconds of the event. */
  readonly time: number;
  /** Epoch milliseconds at which the page arrived; undefined where records come from elsewhere. */
  readonly fetchedAt: number | undefined;
  readonly mapper: { readonly name: string; readonly version: string };
  /** What the event is tagged with; undefined: it has no tag. */
  readonly accountName: string | undefined;
  /** Whether a value was replaced by `[redacted]`. */
  readonly redacted: boolean;
}

/** OCSF `metadata`. */
export interface OcsfMetadata {
  uid: string;
  version: string;
  [attribute: string]: unknown;
}

/** Where the event came from and who made it what it is. */
export function buildMetadata(reader: RecordReader, provenance: Provenance, profiles: readonly string[]): OcsfMetadata {
  const { header, time, fetchedAt, mapper } = provenance;
  const { record } = reader;
  reader.consume(record, reader.peek(record, 'timestamp') === undefined ? 'jc_timestamp' : 'timestamp');
  reader.consume(record, 'id');
  const service = reader.text(record, 'service');
  // OCSF: logged_time must not precede time. A record dated after its fetching says so instead.
  const datedAfterFetch = fetchedAt !== undefined && fetchedAt < time;
  const labels = provenance.redacted ? ['redacted'] : [];
  if (datedAfterFetch) labels.push('dated_after_fetch');
  return {
    uid: header.uid,
    version: reader.target.version,
    original_time: wellFormed(header.timestamp!),
    log_provider: 'JumpCloud Directory Insights',
    log_format: 'JSON',
    original_event_uid: wellFormed(header.id!),
    event_code: reader.text(record, 'event_type'),
    log_name: service,
    log_source: service,
    tenant_uid: reader.text(record, 'organization'),
    log_version: reader.code(record, '@version'),
    correlation_uid: reader.text(reader.object(record, 'correlation'), 'id'),
    logged_time: datedAfterFetch ? undefined : fetchedAt,
    labels: labels.length > 0 ? labels : undefined,
    profiles: profiles.length > 0 ? profiles : undefined,
    tags: accountTags(provenance.accountName),
    product: {
      name: 'Directory Insights',
      vendor_name: 'JumpCloud',
      feature: service === undefined ? undefined : { name: service },
    },
    transformation_info_list: [{ name: mapper.name, product: { name: mapper.name, version: mapper.version } }],
  };
}

/** The tag by which analysts know the organization; no part of an event's identity. */
export function accountTags(accountName: string | undefined): { name: string; value: string }[] | undefined {
  return accountName === undefined ? undefined : [{ name: 'AccountName', value: accountName }];
}

function wellFormed(text: string): string {
  return text.isWellFormed() ? text : text.toWellFormed();
}

const OFFSET = /([+-])(\d{2}):?(\d{2})$/;

/** Minutes from UTC of the source's timestamp; undefined beyond what OCSF allows. */
export function timezoneOffset(timestamp: string): number | undefined {
  const found = OFFSET.exec(timestamp);
  if (found === null || /[Zz]$/.test(timestamp)) return 0;
  const minutes = Number(found[2]) * 60 + Number(found[3]);
  if (minutes > 1080) return undefined;
  return found[1] === '-' && minutes > 0 ? -minutes : minutes;
}
