import { expect, it } from 'vitest';
import { feedLogger } from '../../collector/monitoring/log-observer.js';
import { feedFor, HOUR, MINUTE, namedServices, noon, tenantFor } from './feed-under-test.js';
import { MemorySink } from './memory-sink.js';
import { virtualTime } from './virtual-time.js';

it('ten services without a licence are told in one line with one cure, at once and a day later', async () => {
  const time = virtualTime(noon);
  const refused = namedServices.slice(-10);
  const tenant = await tenantFor(time, {
    records: 50,
    from: noon - HOUR,
    to: noon,
    script: [
      {
        when: {
          match: ({ body }) => (body as { service?: string[] }).service?.some((one) => refused.includes(one)) ?? false,
        },
        effect: { kind: 'status', status: 402 },
      },
    ],
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
