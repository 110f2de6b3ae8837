import { expect, it, vi } from 'vitest';
import { compare, feedFor, HOUR, MINUTE, noon, tenantFor } from '../pipeline/feed-under-test.js';
import { MemorySink } from '../pipeline/memory-sink.js';
import { virtualTime } from '../pipeline/virtual-time.js';

// Hours of polls: seconds on an idle machine, minutes on a busy one.
vi.setConfig({ testTimeout: 300_000 });

const equal = { missing: 0, repeated: 0, unknown: 0 };
// Fixed: twenty feeds share one virtual time, which leaps while the last of them opens.
const start = () => noon / 1000 - 2 * 3600;

it('F-28: of twenty organizations in one process one has a dead key; the others do not feel it', async () => {
  const time = virtualTime(noon);
  const names = Array.from({ length: 20 }, (_, index) => `5f1e000000000000000000${String(index).padStart(2, '0')}`);
  const span = { records: 60, from: noon - HOUR, to: noon + HOUR };
  const tenant = await tenantFor(time, {
    ...span,
    organization: names[0]!,
    organizations: names.slice(1).map((organization) => ({ organization, ...span })),
    keys: names.map((organization, index) => ({
      email: `admin${index}@example.test`,
      organizations: [organization],
      ...(index === 7 && { state: 'revoked' as const }),
    })),
  });
  const feeds = names.map((organization, index) => {
    const sink = new MemorySink();
    const secret = { value: tenant.keys[index]!.key, where: 'JUMPCLOUD_API_KEY' };
    const feed = feedFor(
      tenant,
      sink,
      time,
      { start, organization, name: `feed-${index}`, interval: 4 * MINUTE },
      { secret, orgId: organization },
    );
    return { organization, sink, feed };
  });
  await Promise.all(feeds.map(({ feed }) => feed.until(noon + 2 * HOUR)));
  for (const [index, { organization, sink, feed }] of feeds.entries()) {
    const found = await compare(tenant.ledgerOf(organization), sink.texts());
    if (index === 7) {
      expect(found.delivered).toBe(0);
      expect(new Set(feed.told.failures.map(({ code }) => code))).toEqual(new Set(['CREDENTIAL_REFUSED']));
    } else {
      expect(found).toMatchObject({ expected: 60, ...equal });
      expect(feed.told.failures).toEqual([]);
    }
  }
});

it('F-31: a new service and thirty unknown event types come through under their own names', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, {
    records: 1_000,
    from: noon - HOUR,
    to: noon + HOUR,
    trouble: { unknown: { share: 0.3 } },
  });
  const sink = new MemorySink();
  const feed = feedFor(tenant, sink, time, { start, interval: 2 * MINUTE });
  const unknown = new Set<string>();
  feed.watch((event) => {
    if (event.type === 'committed') for (const type of event.unknownTypes) unknown.add(type);
  });
  await feed.until(noon + HOUR + 10 * MINUTE);
  expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 1_000, ...equal });
  expect(feed.told.failures).toEqual([]);
  expect([...unknown].some((type) => type.startsWith('quantum_relay/'))).toBe(true);
  expect(unknown.size).toBeGreaterThanOrEqual(30);
  const codes = new Set(sink.events.filter(({ classUid }) => classUid === 0).map(({ eventCode }) => eventCode));
  for (const type of unknown) expect(codes).toContain(type.slice(type.indexOf('/') + 1));
});
