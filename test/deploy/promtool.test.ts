import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';

const run = promisify(execFile);
/** Of Debian's package prometheus. */
const promtool = (process.env.PATH ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'promtool'))
  .find((path) => existsSync(path));
if (promtool === undefined) process.stderr.write('SKIPPED: promtool is not installed, alerts are not evaluated\n');

interface Case {
  readonly alert: string;
  /** Series in promtool's notation, a value a minute. */
  readonly series: Readonly<Record<string, string>>;
  /** Minutes. */
  readonly at: number;
  /** Feeds that it fires for; '' where it names none. */
  readonly feeds: readonly string[];
}

const ready = (feed: string) => `jumpcloud_ocsf_feed_ready{feed="${feed}"}`;
const CASES: readonly Case[] = [
  { alert: 'JumpCloudCollectorDown', series: {}, at: 11, feeds: [''] },
  { alert: 'JumpCloudCollectorDown', series: { jumpcloud_ocsf_ready: '0x20' }, at: 15, feeds: [] },
  { alert: 'JumpCloudCollectorUnreachable', series: { 'up{job="jumpcloud-ocsf"}': '0x20' }, at: 15, feeds: [''] },
  { alert: 'JumpCloudCollectorUnreachable', series: { 'up{job="other"}': '0x20' }, at: 15, feeds: [] },
  { alert: 'JumpCloudCollectorUnreachable', series: { 'up{job="jumpcloud-ocsf-respond"}': '0x20' }, at: 15, feeds: [] },
  {
    alert: 'JumpCloudResponseUnreachable',
    series: { 'up{job="jumpcloud-ocsf-respond"}': '0x20' },
    at: 15,
    feeds: [''],
  },
  { alert: 'JumpCloudResponseUnreachable', series: { 'up{job="jumpcloud-ocsf"}': '0x20' }, at: 15, feeds: [] },
  // One feed ends while its neighbour goes on: dead after a quarter of an hour, forgotten after a day.
  {
    alert: 'JumpCloudFeedGone',
    series: { [ready('acme')]: '1x30 _x2000', [ready('globex')]: '1x2000' },
    at: 60,
    feeds: ['acme'],
  },
  {
    alert: 'JumpCloudFeedGone',
    series: { [ready('acme')]: '1x30 _x2000', [ready('globex')]: '1x2000' },
    at: 1600,
    feeds: [],
  },
  // The whole collector is gone: each of its feeds is named.
  {
    alert: 'JumpCloudFeedGone',
    series: { [ready('acme')]: '1x30', [ready('globex')]: '1x30' },
    at: 60,
    feeds: ['acme', 'globex'],
  },
  {
    alert: 'JumpCloudFeedStalled',
    series: {
      'jumpcloud_ocsf_last_success_timestamp_seconds{feed="acme",lane="live"}': '0x200',
      'jumpcloud_ocsf_last_success_timestamp_seconds{feed="paused",lane="live"}': '0x200',
      'jumpcloud_ocsf_feed_at_rest{feed="acme"}': '0x200',
      'jumpcloud_ocsf_feed_at_rest{feed="paused"}': '1x200',
    },
    at: 120,
    feeds: ['acme'],
  },
  {
    alert: 'JumpCloudFeedNotReady',
    series: { [ready('acme')]: '0x30', [ready('globex')]: '1x30' },
    at: 20,
    feeds: ['acme'],
  },
];

it.skipIf(promtool === undefined && process.env.CI !== 'true')(
  'Prometheus itself takes the alerts, and they fire for what is gone and for nothing else',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'alerts-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const manifest = new URL('../../deploy/kubernetes/monitoring/prometheus-rule.yaml', import.meta.url);
    const { spec } = parse(readFileSync(manifest, 'utf8')) as {
      spec: { groups: { rules: { alert: string; labels: object }[] }[] };
    };
    writeFileSync(join(folder, 'rules.yaml'), JSON.stringify(spec));
    await run(promtool ?? 'promtool', ['check', 'rules', join(folder, 'rules.yaml')]);
    const rules = spec.groups.flatMap((group) => group.rules);
    const labelsOf = (alert: string, feed: string) =>
      Object.entries({
        alertname: alert,
        alertstate: 'firing',
        ...rules.find((rule) => rule.alert === alert)!.labels,
        ...(feed === '' ? {} : { feed }),
        ...(alert === 'JumpCloudCollectorUnreachable' ? { job: 'jumpcloud-ocsf' } : {}),
        ...(alert === 'JumpCloudResponseUnreachable' ? { job: 'jumpcloud-ocsf-respond' } : {}),
        ...(alert === 'JumpCloudFeedStalled' ? { lane: 'live' } : {}),
      })
        .map(([name, value]) => `${name}="${value}"`)
        .join(',');
    const tests = CASES.map(({ alert, series, at, feeds }) => ({
      interval: '1m',
      input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
      promql_expr_test: [
        {
          expr: `ALERTS{alertname="${alert}",alertstate="firing"}`,
          eval_time: `${at}m`,
          exp_samples: feeds.map((feed) => ({ labels: `ALERTS{${labelsOf(alert, feed)}}`, value: 1 })),
        },
      ],
    }));
    writeFileSync(
      join(folder, 'tests.yaml'),
      JSON.stringify({ rule_files: ['rules.yaml'], evaluation_interval: '1m', tests }),
    );
    const { stdout } = await run(promtool ?? 'promtool', ['test', 'rules', join(folder, 'tests.yaml')]);
    expect(stdout).toContain('SUCCESS');
  },
);
