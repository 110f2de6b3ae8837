import { isObject, type JsonValue } from '../../mappings/json.js';
import type { Counts, Cursor } from './cursor.js';
import { encodeCursor, type StoredServicePosition } from './cursor-codec.js';

/** A key that a lane remembers; never the key itself. */
export interface RememberedKey {
  readonly last_four: string;
  readonly first_seen: string;
  /** RFC 3339; null: JumpCloud did not say. */
  readonly expires: string | null;
}

/** A lane as `state show` tells it. */
export interface LaneReport {
  readonly feed: string;
  readonly lane: string;
  readonly sink: string;
  readonly organization: string | null;
  readonly base_url: string;
  readonly settled: string;
  readonly newest: string;
  readonly origin: string;
  readonly services: readonly string[];
  readonly behind: Readonly<Record<string, StoredServicePosition>>;
  readonly counts: Counts;
  readonly keys: readonly RememberedKey[];
  readonly committed_at: string;
  /** Who holds the lane; null: nobody, or the sink cannot tell without taking it. */
  readonly held_by: string | null;
}

/** What a stored position says, without secrets. */
export function reportLane(cursor: Cursor, sink: string, heldBy?: string): LaneReport {
  const { organization, baseUrl, settled, newest, origin, services, behind, committedAt } = encodeCursor(cursor);
  return {
    feed: cursor.feed,
    lane: cursor.lane,
    sink,
    organization: organization ?? null,
    base_url: baseUrl,
    settled,
    newest,
    origin,
    services,
    behind,
    counts: cursor.counts,
    keys: rememberedKeys(cursor.extensions.keys as JsonValue | undefined),
    committed_at: committedAt,
    held_by: heldBy ?? null,
  };
}

function rememberedKeys(memory: JsonValue | undefined): RememberedKey[] {
  if (!isObject(memory)) return [];
  return Object.values(memory)
    .filter(isObject)
    .map(({ lastFour, firstSeen, told, declared }) => {
      const ends = [told, declared].map((one) => (isObject(one) ? (one.expiresAt ?? one.expires) : undefined));
      const end = ends.find((one) => typeof one === 'number');
      return {
        last_four: String(lastFour),
        first_seen: String(firstSeen),
        expires: typeof end === 'number' ? new Date(end).toISOString() : null,
      };
    });
}

/** The same for people, one line a fact. */
export function describeLane(report: LaneReport, now: number): string {
  const { counts } = report;
  const age = Math.max(0, Math.round(now / 1000 - Math.floor(Date.parse(report.newest) / 1000)));
  const lines: [string, string][] = [
    ['settled', `${report.settled}  the next search starts here`],
    ['newest', `${report.newest}  ${age} s ago`],
    ['origin', report.origin],
    ['services', report.services.join(', ') || 'none at the common position'],
    ...Object.entries(report.behind).map(([service, place]): [string, string] => [
      'behind',
      describePlace(service, place),
    ]),
    ['records', `${counts.records} = ${parts(counts)}`],
    ['late', String(counts.late)],
    ['organization', report.organization ?? 'not known yet'],
    ['API', report.base_url],
    ...report.keys.map((key): [string, string] => [
      'key',
      `…${key.last_four}, first used ${key.first_seen}${key.expires === null ? '' : `, expires ${key.expires}`}`,
    ]),
    ['committed', report.committed_at],
    ...(report.held_by === null ? [] : [['held by', report.held_by] as [string, string]]),
  ];
  const body = lines.map(([name, value]) => `  ${name.padEnd(13)}${value}\n`).join('');
  return `${report.feed}, lane ${report.lane} (${report.sink})\n${body}`;
}

function parts({ events, deadLetters, duplicates, notSelected, raw }: Counts): string {
  return `${events} events + ${deadLetters} dead letters + ${duplicates} duplicates + ${notSelected} not selected + ${raw} kept raw`;
}

function describePlace(service: string, { settled, active, refused }: StoredServicePosition): string {
  if (refused)
    return `${service} from ${settled}: refused since ${refused.since} (${refused.message}), asked again ${refused.retryAt}`;
  return `${service} from ${settled}: ${active ? 'catching up' : 'not collected any more'}`;
}
