import { expect, it } from 'vitest';
import { decodeCursor, encodeCursor } from '../../collector/position/cursor-codec.js';
import { movePosition } from '../../collector/position/reposition.js';
import { formatSecond } from '../../mappings/instant.js';
import { compare, feedFor, HOUR, MINUTE, noon, tenantFor } from './feed-under-test.js';
import { MemorySink } from './memory-sink.js';
import { virtualTime } from './virtual-time.js';

it('a position moved back into the middle of a minute delivers nothing of that minute twice', async () => {
  const time = virtualTime(noon);
  const tenant = await tenantFor(time, { records: 0 });
  const at = noon - 10 * MINUTE;
  for (const second of [5, 15, 45]) {
    const record = { id: `r${second}`, service: 'sso', event_type: 'sso_auth', success: true };
    tenant.add({ ...record, timestamp: formatSecond(at / 1000 + second) }, { at: at + second * 1000 });
  }
  const sink = new MemorySink();
  const feed = feedFor(tenant, sink, time, { start: (now) => now - 3 * 3600, overlap: 60 });
  await feed.until(noon + MINUTE);
  sink.tamper('live', (stored) =>
    encodeCursor(movePosition(decodeCursor(stored), at / 1000 + 27, time.now(), true).cursor),
  );
  // The overlap is longer than the way back, so that the lane goes on from that very second.
  const longer = feedFor(tenant, sink, time, { start: (now) => now - 3 * 3600, overlap: 3600 });
  await longer.until(time.world() + HOUR / 6);
  expect(await compare(tenant.ledger, sink.texts())).toMatchObject({ expected: 3, missing: 0, repeated: 0 });
});
