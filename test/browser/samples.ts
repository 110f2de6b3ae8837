/*
 * What a console might answer: calm, in trouble, and hostile.
 */
import { annotatedSchema } from '../../collector/config/keys.js';
import type { Catalogue, FeedList, FeedSummary, Json } from '../../collector/console/answers.js';
import { type FeedState, STATES, type StateCode } from '../../collector/console/state-words.js';

export const NOW = '2026-11-28T14:36:33Z';

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

export const stateOf = (code: StateCode): FeedState => ({ code, tone: STATES[code].tone, ...detail[code] });

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
  removed: [{ name: 'old-feed', by: 'ana', at: '2026-11-20T10:00:00Z' }],
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
  removed: [{ name: HOSTILE, by: HOSTILE, at: HOSTILE }],
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
