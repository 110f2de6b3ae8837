import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Sent, sendNotices } from '../../fixtures/tenant/alerts/sender.js';
import { chance } from '../../fixtures/tenant/random.js';
import { startTenant } from '../../fixtures/tenant/tenant.js';
import {
  type Collector,
  compareSets,
  deliveredUids,
  freePort,
  SECRET,
  startCollector,
  uidOf,
} from './running-collector.js';

export interface KillOptions {
  readonly kills: number;
  readonly seed: number;
  /** Environment of the collector besides what it needs. */
  readonly env?: Readonly<Record<string, string>>;
  /** uids of what was delivered, one for each time; by default those in the tables. */
  readonly delivered?: (directory: string) => Promise<string[]>;
}

/**
 * A sender that repeats until it is answered, and a collector that is killed at moments around spool, answer and commit,
 * and started again. Afterwards what was delivered is compared with what was sent.
 */
export async function killWhileSending({ kills, seed, env = {}, delivered = deliveredUids }: KillOptions) {
  const directory = await mkdtemp(join(tmpdir(), 'webhook-kill-'));
  const tenant = await startTenant({ records: 30, from: Date.now() - 3_600_000 });
  const { alerts } = tenant;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/webhook/jumpcloud/acme`;
  const headers = { authorization: `Bearer ${SECRET}` };
  const sending: Promise<Sent[]>[] = [];
  let running: Collector | undefined;
  for (let round = 0; round <= kills; round += 1) {
    running = startCollector(tenant, directory, port, env);
    await running.ready;
    const from = alerts.notices.length;
    for (let index = 0; index < 40; index += 1) {
      alerts.raise();
      if (index % 4 === 0) alerts.occur(alerts.alerts.at(-1)!);
    }
    const batch = alerts.notices.slice(from);
    // The list of alerts shows nothing: what is delivered came by webhook alone.
    alerts.alerts.length = 0;
    const sent = sendNotices(batch, {
      ...{ url, headers, concurrency: 4, duplicates: 0.1, reorder: 5, seed: seed + round },
      ...{ retries: 2_000, backoffMs: 5, timeoutMs: 5_000, mostBackoffMs: 200 },
    });
    sending.push(sent);
    if (round === kills) break;
    await new Promise((resume) => setTimeout(resume, chance(seed, round, 950) * 250));
    running.child.kill('SIGKILL');
    await running.ended;
  }
  const all = (await Promise.all(sending)).flat();
  const acknowledged = all.filter((one) => one.acknowledged).map(({ notice }) => uidOf(notice));
  // What was acknowledged waits in the spool for a lane that opens more slowly than the port.
  let found: string[] = [];
  for (let tries = 0; tries < 60; tries += 1) {
    found = await delivered(directory).catch(() => []);
    if (compareSets(acknowledged, found).missing === 0) break;
    await new Promise((resume) => setTimeout(resume, 1_000));
  }
  running?.child.kill('SIGTERM');
  await running?.ended;
  found = await delivered(directory);
  const refused = all.filter((one) => !one.acknowledged).map(({ statuses }) => statuses.at(-1));
  const outcome = {
    ...{ kills, sent: alerts.notices.length, unanswered: all.filter(({ statuses }) => statuses.includes(0)).length },
    // What the sender gave up on may have been delivered: nothing was promised of it.
    givenUp: refused,
    lost: compareSets(acknowledged, found).missing,
    ...{ twice: compareSets(acknowledged, found).twice, beyond: compareSets(alerts.notices.map(uidOf), found).beyond },
  };
  await tenant.close();
  await rm(directory, { recursive: true });
  return outcome;
}
