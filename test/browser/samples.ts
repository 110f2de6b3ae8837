/*
 * What a console might answer: calm, in trouble, and hostile.
 */
import { annotatedSchema } from '../../collector/config/keys.js';
import type {
  Activity,
  Catalogue,
  Completeness,
  DeadLetters,
  Effective,
  FeedDocument,
  FeedList,
  FeedStatus,
  FeedSummary,
  Job,
  Json,
  LogPage,
  Revisions,
} from '../../collector/console/answers.js';
import { type FeedState, STATES, type StateCode } from '../../collector/console/state-words.js';
import type { LaneView } from '../../collector/monitoring/status/lane-status.js';

const NOW = '2026-11-28T14:36:33Z';

/** Text as an attacker writes it: markup, addresses, prototypes, terminal codes, marks of direction, halves of pairs. */
export const HOSTILE =
  '<script>window.pwned=1</script><img src=x onerror="window.pwned=1">javascript:pwned=1 {{constructor}} __proto__ \u001b[31m\u202egnp.exe\u2066 \u0000 \ud800';

const detail: Partial<Record<StateCode, Partial<FeedState>>> = {
  invalid: { reason: 'config.yaml:12: poll.interval: 5 is not a duration', cure: 'Write a duration such as 60s.' },
  stopped: {
    reason: 'the key opens another organization',
    cure: 'Give a key of the organization before, or add a feed.',
  },
  failing: {
    reason: '401, the key is refused',
    nextTry: '2026-11-28T14:37:00Z',
    cure: 'Renew the key.',
    error: 'UNAUTHORIZED',
  },
  blocked: { reason: 'the broker refuses' },
  missing: { missing: 12 },
  silent: { silentSeconds: 93_600, silenceLimitSeconds: 86_400 },
  keyEnding: { keyDaysLeft: 6 },
  setup: { by: 'Bo' },
  syncing: { readUpTo: '2026-11-12T00:00:00Z', progress: 0.62, secondsLeft: 240 },
  paused: { by: 'ana', since: '2026-11-27T09:00:00Z', reason: 'audit', runBefore: '2027-02-12T00:00:00Z' },
  manual: { lastRun: '2026-11-26T14:00:00Z', runBefore: '2027-02-12T00:00:00Z' },
};

const stateOf = (code: StateCode): FeedState => ({ code, tone: STATES[code].tone, ...detail[code] });

/** A feed of the list. */
export function summary(change: Partial<FeedSummary> = {}): FeedSummary {
  return {
    name: 'acme',
    description: 'Production organization',
    account: 'Acme',
    owners: [{ name: 'Security Operations', email: 'soc@example.com' }],
    organization: '5f0000000000000000000001',
    state: stateOf('connected'),
    provenance: { kind: 'console', where: 'ana', readOnly: false },
    sink: 'tables',
    events24h: 12_345,
    hours: Array.from({ length: 24 }, (_, hour) =>
      hour === 7 ? null : 300 + 200 * Math.round(Math.sin(hour / 3) + 1),
    ),
    lagSeconds: 42,
    missing: 0,
    deadLetters: 0,
    keyDaysLeft: 63,
    lastRecord: '2026-11-28T14:35:51Z',
    ...change,
  };
}

/** One feed in each state there is. */
export const everyState: FeedList = {
  feeds: (Object.keys(STATES) as StateCode[]).map((code, index) =>
    summary({
      name: `feed-${code}`,
      state: stateOf(code),
      missing: code === 'missing' ? 12 : index === 3 ? null : 0,
      keyDaysLeft: code === 'keyEnding' ? 6 : 63,
      provenance:
        index % 3 === 0
          ? { kind: 'file', where: 'config.yaml:12', readOnly: true }
          : index % 3 === 1
            ? { kind: 'api', where: 'terraform', readOnly: false }
            : { kind: 'console', where: 'ana', readOnly: false },
    }),
  ),
  removed: [{ name: 'old-feed', by: 'ana', at: '2026-11-20T10:00:00Z', tablesGo: '2026-12-20T10:00:00Z' }],
  drafts: [{ name: 'north', by: 'ana', at: '2026-11-28T10:00:00Z', waitingFor: 'Bo' }],
};

/** Names at their longest, ten owners, right-to-left words. */
export const longTexts: FeedList = {
  feeds: [
    summary({
      name: 'a'.repeat(64),
      account: 'Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenauszahlungsstelle',
      description: 'مرحبا بالعالم '.repeat(12),
      owners: Array.from({ length: 10 }, (_, index) => ({ name: `Verantwortlichkeitsträgerin ${index}` })),
    }),
  ],
  removed: [],
  drafts: [],
};

/** A list of feeds whose every text is hostile. */
export const hostileList: FeedList = {
  feeds: [
    summary({
      name: 'hostile',
      description: HOSTILE,
      account: HOSTILE,
      owners: [{ name: HOSTILE, email: HOSTILE }],
      organization: HOSTILE,
      state: { code: 'failing', tone: 'bad', reason: HOSTILE + 'x'.repeat(1_000_000), cure: HOSTILE },
      provenance: { kind: 'api', where: HOSTILE, readOnly: false },
    }),
  ],
  removed: [{ name: HOSTILE, by: HOSTILE, at: HOSTILE, tablesGo: null }],
  drafts: [{ name: HOSTILE, by: HOSTILE, at: HOSTILE, waitingFor: HOSTILE }],
};

export const catalogue: Catalogue = {
  sources: [
    {
      id: 'jumpcloud',
      title: 'JumpCloud',
      description: 'Logins and administration of an organization, from Directory Insights.',
      needs: 'an administrator’s API key, or a service account, with Directory Insights',
      methods: [{ id: 'api', title: 'API Ingest', description: 'Polls the Directory Insights API.' }],
    },
  ],
  sinks: ['tables', 'kafka', 'stdout'],
  regions: [
    { id: 'us', title: 'United States', baseUrl: 'https://api.jumpcloud.com/insights/directory/v1' },
    { id: 'eu', title: 'European Union', baseUrl: 'https://api.eu.jumpcloud.com/insights/directory/v1' },
    { id: 'in', title: 'India', baseUrl: 'https://api.in.jumpcloud.com/insights/directory/v1' },
  ],
  addresses: ['api.jumpcloud.com', 'api.eu.jumpcloud.com', 'api.in.jumpcloud.com'],
  roots: { tables: '/data', secrets: null, ca: null },
};

export const configSchema = annotatedSchema() as unknown as Json;

const counts = { records: 15_000, events: 14_200, deadLetters: 12, duplicates: 700, notSelected: 88, raw: 0, late: 40 };

/** The lane of a feed that collects. */
const lane: LaneView = {
  name: 'live',
  state: 'collecting',
  reason: 'up to date',
  since: '2026-11-28T10:00:00Z',
  lastPoll: '2026-11-28T14:36:00Z',
  lastCommit: '2026-11-28T14:36:01Z',
  lastNewRecord: '2026-11-28T14:35:51Z',
  nextPoll: '2026-11-28T14:37:00Z',
  lagSeconds: 42,
  position: { settled: '2026-11-28T14:05:51Z', newest: '2026-11-28T14:35:51Z', origin: '2026-11-01T00:00:00Z' },
  counts: { total: counts, sinceStart: counts },
  rates: { records5m: 60, records24h: 15_000, events5m: 55, events24h: 14_200 },
  late: { samples: [{ at: '2026-11-28T13:00:00Z', seconds: 1300 }] },
  unmapped: [{ type: 'directory: brand_new_type', events: 3 }],
  variants: 2,
  reusedIds: [],
  deadLetters: { byReason: { INVALID: 12 }, samples: [] },
  refusedServices: [
    { service: 'mdm', code: 'FORBIDDEN', message: '403: not licensed', retryAt: '2026-11-28T15:00:00Z' },
  ],
};

/** How a feed is, in any state. */
export function statusOf(code: StateCode, change: Partial<FeedStatus> = {}): FeedStatus {
  return {
    name: 'acme',
    state: stateOf(code),
    provenance: { kind: 'console', where: 'ana', readOnly: false },
    etag: '"r4"',
    view: {
      name: 'acme',
      contact: { name: 'Security Operations', email: 'soc@example.com' },
      ready: true,
      organization: '5f0000000000000000000001',
      source: {
        baseUrl: 'https://api.jumpcloud.com/insights/directory/v1',
        region: 'us',
        eventTypes: ['login', 'admin'],
      },
      sink: { kind: 'tables', target: '/data/tables', guarantee: 'exactly_once' },
      authorization: { configured: 'bearer', used: 'x-api-key' },
      key: {
        lastFour: 'uvwx',
        fingerprint: '0123456789abcdef',
        createdAt: '2026-11-01T00:00:00Z',
        expiresAt: '2027-01-30T00:00:00Z',
        daysLeft: 63,
        certain: true,
        basis: 'configuration',
        description: 'The key ends in 63 days.',
        refused: code === 'failing',
        rotation: '',
      },
      clockSkewSeconds: 1,
      clocksApart: false,
      noData: null,
      lanes: [lane],
      reconciliation: [],
      errors: [
        {
          first: '2026-11-28T14:00:00Z',
          last: '2026-11-28T14:30:00Z',
          times: 3,
          lane: 'live',
          part: 'source',
          code: 'UNAUTHORIZED',
          message: '401: JumpCloud refuses the key',
          cure: 'Renew the key.',
        },
      ],
      unaskedServices: null,
      repair: null,
      webhook: null,
      inventory: null,
    },
    secrets: {
      'jumpcloud.apiKey': { stored: 'sha256:0123456789abcdef', lastFour: 'uvwx', since: '2026-11-01T00:00:00Z' },
    },
    jobs: [],
    ...change,
  };
}

const DAY_MINUTES = 1_440;

/** A day of minutes with a gap; the parts add up to what was received. */
export function activity(change: Partial<Activity> = {}): Activity {
  const perMinute = (value: (minute: number) => number) =>
    Array.from({ length: DAY_MINUTES }, (_, minute) => (minute > 500 && minute < 560 ? null : value(minute)));
  const events = perMinute((minute) => 10 + Math.round(8 * Math.sin(minute / 120)));
  const letters = perMinute((minute) => (minute % 200 === 0 ? 1 : 0));
  const repeats = perMinute((minute) => minute % 3);
  const none = perMinute(() => 0);
  return {
    from: '2026-11-27T14:36:00Z',
    to: '2026-11-28T14:36:00Z',
    step: 60,
    series: {
      received: events.map((value, minute) => (value === null ? null : value + letters[minute]! + repeats[minute]!)),
      events,
      deadLetters: letters,
      duplicates: repeats,
      notSelected: none,
      raw: none,
      late: none,
    },
    marks: [{ at: '2026-11-28T09:00:00Z', kind: 'changed', text: 'changed by ana' }],
    silenceLimitSeconds: 86_400,
    ...change,
  };
}

/** Three services over 72 hours: one hour with 20 missing, one accounted for, some not known. */
export const completeness: Completeness = {
  hours: ['directory', 'sso', 'systems'].flatMap((service, row) =>
    Array.from({ length: 72 }, (_, index) => {
      const hour = new Date(Date.parse('2026-11-25T14:00:00Z') + index * 3_600_000).toISOString().replace('.000', '');
      const missing = row === 1 && index === 60 ? 20 : 0;
      const explained = row === 0 && index === 30 ? 2 : 0;
      const jumpcloud = row === 2 && index < 5 ? null : 120;
      return {
        service,
        hour,
        jumpcloud,
        delivered: 120 - missing - explained,
        deadLetters: 0,
        raw: 0,
        notSelected: 0,
        explained,
        difference: jumpcloud === null ? null : missing,
      };
    }),
  ),
  missing: 20,
  repair: null,
};

export const job = (change: Partial<Job> = {}): Job => ({
  id: 'j1',
  kind: 'repair',
  feed: 'acme',
  by: 'ana',
  state: 'done',
  startedAt: NOW,
  endedAt: NOW,
  progress: 1,
  message: 'read again, 20 found',
  error: null,
  ...change,
});

export const letters: DeadLetters = {
  total: 41,
  elsewhere: null,
  groups: [
    {
      reason: 'INVALID_EVENT',
      eventType: 'sso_auth',
      records: 41,
      first: '2026-11-20T10:00:00Z',
      last: '2026-11-28T10:00:00Z',
      samples: [
        {
          time: '2026-11-28T10:00:00Z',
          message: 'must be a string',
          path: '/initiated_by/email',
          raw: '{"initiated_by":{"email":7}}',
        },
      ],
    },
  ],
};

export const logPage: LogPage = {
  lines: [
    { id: 1, time: '2026-11-28T14:35:00Z', level: 'info', message: 'polled', fields: { records: 12, request: 'r-1' } },
    { id: 2, time: '2026-11-28T14:35:30Z', level: 'warn', message: 'mdm is refused', fields: { code: 'FORBIDDEN' } },
  ],
  next: 3,
  lost: 0,
};

export const feedDocument: FeedDocument = {
  name: 'acme',
  description: 'Production organization',
  jumpcloud: {
    baseUrl: 'https://api.jumpcloud.com/insights/directory/v1',
    apiKey: { stored: 'sha256:0123456789abcdef' },
    eventTypes: ['login', 'admin'],
  },
  poll: { interval: '60s' },
  sink: 'tables',
};

export const revisions: Revisions = {
  revisions: [
    {
      number: 4,
      etag: '"r4"',
      by: 'ana',
      at: NOW,
      action: 'changed',
      changes: [{ path: 'poll.interval', from: '5m', to: '60s' }],
    },
    { number: 3, etag: '"r3"', by: 'bo', at: '2026-11-27T10:00:00Z', action: 'created', changes: [] },
  ],
};

export const effective: Effective = {
  keys: [
    { path: 'poll.interval', value: '60s', origin: { kind: 'managed', name: 'acme.yaml' } },
    { path: 'jumpcloud.apiKey', value: '[secret]', origin: { kind: 'managed', name: 'acme.yaml' } },
  ],
};
