import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CollectorError } from '../../collector/errors.js';
import { createMetrics } from '../../collector/monitoring/metrics.js';
import {
  comparedCursor,
  cursorAt,
  deadLetterOf,
  eventOf,
  inventoryPosition,
  passOver,
  report,
} from '../monitoring/observe-feed.js';
import { parseMetrics } from '../monitoring/prometheus.js';
import { anchors } from './anchors.js';
import { readQuery } from './promql.js';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook_url: string };
}
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string; readonly refId: string }[];
}
interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: string | { query: string } }[];
  };
}

const deploy = fileURLToPath(new URL('../../deploy/', import.meta.url));
const read = (path: string) => readFileSync(`${deploy}${path}`, 'utf8');
const { spec } = parse(read('kubernetes/monitoring/prometheus-rule.yaml')) as {
  spec: { groups: { name: string; rules: Rule[] }[] };
};
const rules = spec.groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(read('grafana/feed-health.json')) as Dashboard;
const drawn = dashboard.panels.filter((panel) => panel.type !== 'row');

/** Series names, as a query writes them, with the labels that each can carry. */
let exported: ReadonlyMap<string, ReadonlySet<string>>;

beforeAll(async () => {
  exported = await everySeries();
});

/** Lets everything happen to a feed once, so that each series of the collector has a sample. */
async function everySeries(): Promise<Map<string, Set<string>>> {
  const metrics = createMetrics({ version: '0.0.0' });
  const upkeep = () => ({ unlogged: 0, backlog: 0, repairs: 0, failures: 0 });
  const feed = metrics.feed({
    feed: 'acme',
    sink: 'kafka',
    now: Date.now,
    keyExpires: () => 1e12,
    skewMs: () => 5,
    upkeep,
  });
  const webhook = feed.webhook();
  webhook.onRequest('accepted');
  webhook.onMissed(1);
  feed.inventory({ type: 'delivered', stage: 'users', upserts: 1, gone: 1, known: 1 });
  feed.name('resolved');
  feed.inventory({ type: 'position', position: inventoryPosition() });
  metrics.response('acme').set({ actions: [], secretExpires: 1e12, undelivered: false });
  const error = new CollectorError('RATE_LIMITED', 'slow down', { cure: 'Wait.' });
  const request = { purpose: 'api', path: '/events', status: 200, code: undefined, ms: 1, bytes: 1 } as const;
  feed.observer({ type: 'opened', lane: 'live', cursor: cursorAt('2026-11-21T00:00:00Z'), resumed: false });
  feed.observer({
    type: 'committed',
    lane: 'live',
    ...report({
      counts: { records: 3, events: 2, deadLetters: 1, late: 1 },
      events: [eventOf(3002), eventOf(0, 'brand_new')],
      deadLetters: [deadLetterOf('id_missing')],
      lateness: [30],
      unknownTypes: ['sso/brand_new'],
      reusedIds: ['radius/radius_auth_attempt'],
    }),
  });
  feed.observer({
    type: 'searched',
    lane: 'live',
    search: { services: ['sso'], start: 0 },
    pages: 1,
    records: 1,
    durationMs: 1,
  });
  feed.observer({ type: 'caughtUp', lane: 'live', nextPollMs: 1000 });
  feed.observer({ type: 'failed', lane: 'live', part: 'source', error, retryMs: 1000 });
  const question = 'password-spraying';
  feed.observer({ type: 'questionAnswered', lane: 'live', question, rows: 1, found: 1, durationMs: 1, left: 0 });
  feed.observer({ type: 'questionFailed', lane: 'live', question, error });
  feed.client.onRequest?.({ ...request, requestId: undefined });
  feed.client.onRetry?.({ purpose: 'api', code: 'RATE_LIMITED', attempt: 1, waitMs: 1000 } as never);
  metrics.atRest('acme', true, 1e12);
  feed.observer({ type: 'reconciled', lane: 'live', report: passOver(comparedCursor({ sso: [5, 4, 1] })) });
  const series = new Map<string, Set<string>>();
  for (const family of parseMetrics(await metrics.text()).values()) {
    for (const { name, labels } of family.samples)
      series.set(name, new Set([...(series.get(name) ?? []), ...Object.keys(labels)]));
    expect(family.samples, `${family.name} has no sample: let it happen above`).not.toEqual([]);
  }
  // Prometheus' own, of each target.
  return series.set('up', new Set(['job', 'instance']));
}

/** What a query reads that the collector does not export. */
function strangers(expr: string): string[] {
  const { metrics, labels } = readQuery(expr);
  const known = new Set([...metrics].flatMap((name) => [...(exported.get(name) ?? [])]));
  return [
    ...[...metrics].filter((name) => !exported.has(name)),
    ...[...labels].filter((label) => !known.has(label)).map((label) => `${label} in ${expr}`),
  ];
}

it('a query that reads what is not exported, or is no PromQL, is found out', () => {
  expect(strangers('jumpcloud_ocsf_no_such_metric > 0')).toEqual(['jumpcloud_ocsf_no_such_metric']);
  expect(strangers('jumpcloud_ocsf_feed_ready{fede="acme"}')).toEqual([
    'fede in jumpcloud_ocsf_feed_ready{fede="acme"}',
  ]);
  expect(() => readQuery('rate(jumpcloud_ocsf_feed_ready[5m)')).toThrow(/not PromQL/);
});

describe('the alerts', () => {
  it('read series and labels that the collector exports', () => {
    for (const { expr } of rules) expect(strangers(expr)).toEqual([]);
  });

  it('have a severity, a summary that names the feed, and a place in the runbook', () => {
    const places = anchors(read('OPERATIONS.md'));
    for (const { alert, labels, annotations } of rules) {
      expect(['critical', 'warning', 'info']).toContain(labels.severity);
      const url = new URL(annotations.runbook_url);
      expect(url.pathname).toMatch(/\/OPERATIONS\.md$/);
      expect(places, alert).toContain(url.hash.slice(1));
      expect(url.hash.slice(1)).toBe(alert.toLowerCase());
      expect(annotations.summary).toMatch(
        alert.startsWith('JumpCloudCollector')
          ? /collector/
          : alert.endsWith('Unreachable')
            ? /\{\{ \$labels\.instance \}\}/
            : /\{\{ \$labels\.feed \}\}/,
      );
    }
  });

  it('name only labels that their series carry', () => {
    for (const { expr, annotations } of rules) {
      const { metrics } = readQuery(expr);
      const carried = [...metrics].flatMap((name) => [...(exported.get(name) ?? [])]);
      const named = JSON.stringify(annotations).matchAll(/\{\{ *\$labels\.(\w+)/g);
      for (const [, label] of named) expect(carried).toContain(label);
    }
  });

  it('watch the key, the lag, silence, dead letters, readiness and the reconciliation', () => {
    const watched = new Set(rules.flatMap(({ expr }) => [...readQuery(expr).metrics]));
    for (const name of [
      'api_key_expiry_timestamp_seconds',
      'api_key_refused',
      'lag_seconds',
      'no_data',
      'events_discarded_total',
      'feed_ready',
      'reconcile_difference_records',
    ])
      expect(watched).toContain(`jumpcloud_ocsf_${name}`);
    expect(new Set(rules.map((rule) => rule.alert)).size).toBe(rules.length);
  });
});

describe('the dashboard', () => {
  it('reads series and labels that the collector exports', () => {
    const queries = drawn.flatMap((panel) => panel.targets ?? []);
    expect(queries.length).toBeGreaterThan(20);
    for (const { expr } of queries) expect(strangers(expr)).toEqual([]);
    const [, series, label] = /label_values\((\w+), (\w+)\)/.exec(JSON.stringify(dashboard.templating)) ?? [];
    expect(exported.get(series ?? '')).toContain(label);
  });

  it('shows every series that the collector exports, but those that say the same in another form', () => {
    const shown = new Set(
      drawn.flatMap((panel) => panel.targets ?? []).flatMap(({ expr }) => [...readQuery(expr).metrics]),
    );
    const bases = new Set([...exported.keys()].map((name) => name.replace(/_(?:sum|count)$/, '_bucket')));
    const elsewhere = [
      'ready',
      'no_data',
      'services_refused',
      'process_start_time_seconds',
      'process_heap_used_bytes',
      'process_event_loop_utilization',
      'feed_at_rest',
      'retention_deadline_timestamp_seconds',
      'up',
    ];
    const left = [...bases].filter((name) => !shown.has(name)).map((name) => name.replace('jumpcloud_ocsf_', ''));
    expect(left.filter((name) => !elsewhere.includes(name))).toEqual([]);
  });

  it('legends name only labels that their query yields', () => {
    for (const { expr, legendFormat } of drawn.flatMap((panel) => panel.targets ?? [])) {
      const { metrics, labels } = readQuery(expr);
      const grouped = /\bby *\(/.test(expr);
      const carried = grouped ? [...labels] : [...metrics].flatMap((name) => [...(exported.get(name) ?? [])]);
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
        if (label !== 'instance') expect(carried, expr).toContain(label);
    }
  });

  it('has panels with ids of their own that do not cover each other', () => {
    expect(new Set(dashboard.panels.map((panel) => panel.id)).size).toBe(dashboard.panels.length);
    for (const [index, { gridPos: a, title }] of dashboard.panels.entries())
      for (const { gridPos: b, title: other } of dashboard.panels.slice(index + 1)) {
        const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
        expect(apart, `${title} and ${other}`).toBe(true);
      }
    for (const panel of drawn) expect(panel.datasource?.uid).toBe(`\${datasource}`);
  });
});
