import { floorToSecond, formatSecond, instantOfSecond } from '../../mappings/instant.js';
import { isObject } from '../../mappings/json.js';
import { readHeader } from '../../mappings/record.js';
import { serverTime } from '../clock.js';
import type { Client } from '../jumpcloud/client.js';
import type { KeyLife } from '../jumpcloud/directory/key-life.js';
import { firstPage } from '../jumpcloud/insights/probe.js';
import type { Page } from '../jumpcloud/insights/source.js';
import type { CheckedFeed } from './checked-feed.js';
import type { RequestTally } from './request-stats.js';

/** One of JumpCloud's open questions (README.md, what is open) and what this tenant shows of it. */
export interface Answered {
  readonly question: string;
  /** `not seen` where no record shows it. */
  readonly answer: string;
}

const NOT_SEEN = 'not seen';

/** Answers as far as the sample and a few more searches show them. Never throws for what JumpCloud answers. */
export async function answerQuestions(feed: CheckedFeed, seen: RequestTally, signal: AbortSignal): Promise<Answered[]> {
  const { answers, client, config, cursor, keyLife } = feed;
  const records = await recordsOfADay(feed, signal);
  const first = config.jumpcloud.apiKey?.reveal().slice(0, 4);
  const used = client?.credential.state.used;
  const refusal = feed.findings.find(({ code }) => code === 'CREDENTIAL_REFUSED');
  return [
    {
      question: 'Is end_time inclusive?',
      answer: await endInclusive(client, answers?.services ?? [], records, signal),
    },
    { question: 'Does the console name the day on which the key expires?', answer: expiryTold(keyLife) },
    { question: 'What does a 401 for a refused key say?', answer: refusal?.message ?? NOT_SEEN },
    { question: 'Are there 429 and Retry-After?', answer: rateLimits(seen) },
    { question: 'Are answers compressed when gzip is accepted?', answer: [...seen.encodings].join(', ') || NOT_SEEN },
    { question: 'Is an id unique across services?', answer: idsAcrossServices(records) },
    {
      question: 'Is a service account’s key (jcs_) taken as x-api-key?',
      answer: first === 'jcs_' ? `taken as ${used ?? 'nothing'}` : NOT_SEEN,
    },
    { question: 'Which role may read Directory Insights?', answer: roleTold(keyLife, answers?.services ?? []) },
    {
      question: 'How late do records become visible?',
      answer:
        cursor === undefined
          ? NOT_SEEN
          : `${cursor.counts.late} of ${cursor.counts.records} records became visible after a poll had passed their time`,
    },
    { question: 'What is `success` on user_lockout, and on the steps of an sso login?', answer: successes(records) },
  ];
}

/** More records than the check itself needed; its own where JumpCloud does not give them. */
async function recordsOfADay({ client, answers }: CheckedFeed, signal: AbortSignal): Promise<Page | undefined> {
  if (client === undefined || answers === undefined || answers.services.length === 0) return undefined;
  const now = Math.floor(serverTime(client.clock.reading()) / 1000);
  const page = await firstPage(client, answers.services, { start: now - 86_400 }, signal).catch(() => undefined);
  return page === undefined || page.records.length === 0 ? answers.sample : page;
}

/** Looks for a record on a whole second and asks for the second before it. */
async function endInclusive(
  client: Client | undefined,
  services: readonly string[],
  sample: Page | undefined,
  signal: AbortSignal,
): Promise<string> {
  const whole = sample?.records
    .map((record) => readHeader(record))
    .find(
      ({ id, instant }) =>
        id !== undefined && instant !== undefined && instantOfSecond(floorToSecond(instant)) === instant,
    );
  if (client === undefined || whole?.instant === undefined)
    return `${NOT_SEEN}: no record of the sample lies on a whole second`;
  const end = floorToSecond(whole.instant);
  try {
    const page = await firstPage(client, services, { start: end - 1, end }, signal);
    const shown = page?.records.some((record) => readHeader(record).id === whole.id) ?? false;
    return `${shown ? 'yes' : 'no'} (asked with end_time ${formatSecond(end)} for a record of that instant)`;
  } catch (error) {
    return `${NOT_SEEN}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function expiryTold(life: KeyLife | undefined): string {
  if (life === undefined) return NOT_SEEN;
  if (life.kind !== 'known') return `no: ${life.reason}`;
  const days = [life.createdAt === undefined ? '' : 'creation', life.expiresAt === undefined ? '' : 'expiry'];
  return `${life.from} names ${days.filter((day) => day !== '').join(' and ')}`;
}

function roleTold(life: KeyLife | undefined, services: readonly string[]): string {
  const role = life?.kind === 'known' ? life.role : undefined;
  return role === undefined ? NOT_SEEN : `${role}: ${services.length} services answer`;
}

function rateLimits({ statuses, askedToWait }: RequestTally): string {
  const limited = statuses.get(429) ?? 0;
  return limited === 0 ? NOT_SEEN : `${limited} times 429, ${askedToWait ? 'with' : 'without'} Retry-After`;
}

function idsAcrossServices(sample: Page | undefined): string {
  const services = new Map<string, string>();
  let shared = 0;
  for (const { id, service } of (sample?.records ?? []).map((record) => readHeader(record))) {
    if (id === undefined) continue;
    const before = services.get(id);
    if (before !== undefined && before !== service) shared += 1;
    services.set(id, service);
  }
  const kinds = new Set(services.values()).size;
  if (kinds < 2) return `${NOT_SEEN}: the sample is of one service`;
  return shared === 0
    ? `yes, among ${services.size} ids of ${kinds} services`
    : `no: ${shared} ids are of two services`;
}

/** Which values the field has, by event type; booleans and their absence, nothing else of the records. */
function successes(sample: Page | undefined): string {
  const seen = new Map<string, Set<string>>();
  for (const record of sample?.records ?? []) {
    const { eventType, service } = readHeader(record);
    if (eventType !== 'user_lockout' && service !== 'sso') continue;
    const value = isObject(record.value) ? record.value.success : undefined;
    const known = typeof value === 'boolean' ? String(value) : typeof value;
    seen.set(eventType, (seen.get(eventType) ?? new Set()).add(known));
  }
  return [...seen].map(([type, values]) => `${type}: ${[...values].join(', ')}`).join('; ') || NOT_SEEN;
}
