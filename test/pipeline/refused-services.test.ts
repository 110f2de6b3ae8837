import { expect, it, vi } from 'vitest';
import { feedLogger } from '../../collector/monitoring/log-observer.js';
import { decodeCursor, encodeCursor } from '../../collector/position/cursor-codec.js';
import { movePosition } from '../../collector/position/reposition.js';
import type { Fault } from '../../fixtures/tenant/faults.js';
import { formatSecond } from '../../mappings/instant.js';
import { compare, feedFor, HOUR, MINUTE, namedServices, noon, tenantFor } from './feed-under-test.js';
import { MemorySink } from './memory-sink.js';
import { virtualTime } from './virtual-time.js';

vi.setConfig({ testTimeout: 60_000 });

const DAY = 24 * HOUR;

/** Answers 402 to each search that names one of these services. */
const refusing = (...services: string[]): Fault => ({
  when: {
    match: ({ body }) => (body as { service?: string[] }).service?.some((one) => services.includes(one)) ?? false,
  },
  effect: { kind: 'status', status: 402 },
});

const login = (at: number, service = 'sso') => ({
  id: `${service}-${at}`,
  service,
  event_type: 'sso_auth',
  success: true,
  timestamp: formatSecond(at / 1000),
});

it('ten services without a licence are logged in one line with one cure, at once and a day later', async () => {
  const time = virtualTime(noon);
  // Those with a name at JumpCloud: all the rest has none that it could refuse.
  const refused = namedServices.filter((name) => /^\w+$/.test(name)).slice(-10);
  const tenant = await tenantFor(time, {
    records: 50,
    from: noon - HOUR,
    to: noon,
    script: [refusing(...refused)],
  });
  const lines: string[] = [];
  const log = {
    warn: (line: string, { cure }: { cure?: string }) => lines.push(`${line} → ${cure}`),
    ...Object.fromEntries(['info', 'debug', 'trace', 'recovered', 'failing'].map((name) => [name, () => undefined])),
  };
  const feed = feedFor(tenant, new MemorySink(), time, { services: namedServices, interval: 10 * MINUTE });
  feed.watch(feedLogger(log as never));
  await feed.until(noon + HOUR);
  const told = lines.filter((line) => line.includes('JumpCloud refuses'));
  expect(told).toHaveLength(1);
  for (const service of refused) expect(told[0]).toContain(service);
  expect(told[0]).toMatch(/→ \w+/);

  await feed.until(noon + 25 * HOUR);
  expect(lines.filter((line) => line.includes('JumpCloud refuses'))).toHaveLength(2);
});

it('a service that joins the others while the clocks are apart brings nothing of a quiet tenant twice', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, { records: 0, script: [refusing('directory')] });
  tenant.add(login(noon - MINUTE), { at: noon - MINUTE });
  const sink = new MemorySink();
  const services = ['directory', 'sso'];
  const feed = feedFor(tenant, sink, time, { services, start: (now) => now - 3600, interval: 5 * MINUTE });
  await feed.until(noon + 6 * HOUR);
  expect(feed.told.refused).toEqual(['directory']);
  tenant.clearScript();
  tenant.dateSkew = HOUR;
  await feed.until(noon + 26 * HOUR);
  expect(sink.commits.at(-1)?.position.services).toEqual(['sso', 'directory']);
  expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 1, missing: 0, repeated: 0 });
});

it('a service that was refused while the clock was a year ahead is asked again within a day', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, { records: 0, script: [refusing('directory')] });
  const sink = new MemorySink();
  const services = ['directory', 'sso'];
  const feed = feedFor(tenant, sink, time, { services, start: (now) => now - 3600, interval: 30 * MINUTE });
  await feed.until(noon + HOUR);
  time.step(365 * DAY);
  await feed.until(noon + 26 * HOUR);
  time.step(-365 * DAY);
  tenant.clearScript();
  tenant.add(login(noon + 2 * HOUR, 'directory'), { at: noon + 2 * HOUR });
  await feed.until(noon + 52 * HOUR);
  expect(sink.commits.at(-1)?.position.services).toEqual(['sso', 'directory']);
  expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 1, missing: 0, repeated: 0 });
});

it('a refusal of every service is an error also while none of them shares the common position', async () => {
  const time = virtualTime(noon);
  const services = ['directory', 'sso'];
  const tenant = await tenantFor(time, { records: 50, from: noon - HOUR, to: noon });
  const sink = new MemorySink();
  const feed = feedFor(tenant, sink, time, { services, start: (now) => now - 2 * 3600, interval: 5 * MINUTE });
  await feed.until(noon + HOUR);
  sink.tamper('live', (stored) =>
    encodeCursor(movePosition(decodeCursor(stored), noon / 1000 - 1800, time.now(), true).cursor),
  );
  tenant.script([refusing(...services)]);
  await feed.until(noon + 2 * HOUR);
  expect(feed.told.refused).toEqual([]);
  expect(feed.told.failures.map(({ code }) => code)).toContain('NOT_LICENSED');
  tenant.clearScript();
  await feed.until(noon + 3 * HOUR);
  expect(sink.commits.at(-1)?.position.services).toEqual(services);
});

it('a service that is left alone among refused ones is asked again at every poll, not after a day', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, { records: 50, from: noon - HOUR, to: noon, script: [refusing('sso')] });
  const sink = new MemorySink();
  const changes = { start: (now: number) => now - 2 * 3600, interval: 5 * MINUTE };
  await feedFor(tenant, sink, time, { ...changes, services: ['directory', 'sso'] }).until(noon + HOUR);
  const alone = feedFor(tenant, sink, time, { ...changes, services: ['sso'] });
  await alone.until(noon + 2 * HOUR);
  expect(alone.told.failures.map(({ code }) => code)).toContain('NOT_LICENSED');
  tenant.clearScript();
  await alone.until(noon + 3 * HOUR);
  expect(sink.commits.at(-1)?.position.services).toEqual(['sso']);
});

it.each([
  // A refused service is asked again once a day, and skips what went out of reach meanwhile.
  ['a service that was refused', ['sso', 'directory'], ['directory'], DAY],
  ['a feed that rested', ['sso', 'directory'], [], 0],
])(
  '%s for longer than JumpCloud keeps records goes on with the first minute that it still gives',
  async (_, services, refused, late) => {
    const time = virtualTime(noon);
    const script = refused.length === 0 ? [] : [refusing(...refused)];
    const tenant = await tenantFor(time, { records: 0, script, quirks: { retention: { days: 15, beyond: '402' } } });
    const sink = new MemorySink();
    const feed = feedFor(tenant, sink, time, { services, start: (now) => now - 3600, interval: HOUR });
    await feed.until(noon + HOUR);
    if (refused.length === 0) time.pass(40 * DAY);
    else await feed.until(noon + 40 * DAY);
    const kept = time.world() - 15 * DAY + late + 2 * HOUR;
    const behind = refused.length === 0 ? services : refused;
    for (const service of behind) tenant.add(login(kept, service), { at: kept, visibleAt: kept });
    tenant.clearScript();
    await feed.until(time.world() + 2 * DAY);
    const { position } = sink.commits.at(-1)!;
    expect(position.services.toSorted()).toEqual(services.toSorted());
    expect(position.perService).toEqual({});
    const told = feed.told.notes.filter((note) => note.includes('no longer gives'));
    expect(told).toHaveLength(1);
    for (const service of behind) expect(told[0]).toContain(service);
    expect(sink.events.map(({ text }) => JSON.parse(text).raw_data)).toEqual(
      expect.arrayContaining(behind.map((service) => expect.stringContaining(`"${service}-${kept}"`))),
    );
  },
);
