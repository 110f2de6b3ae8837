import { expect, it } from 'vitest';
import type { Client } from '../../collector/jumpcloud/client.js';
import type { KeyExpiryMonitor } from '../../collector/key-expiry/monitor.js';
import { followKeyLife } from '../../collector/key-expiry/refresh.js';
import { createLog } from '../../collector/log/logger.js';

it('the life of a key is asked for again soon only where nothing came of asking', async () => {
  const stop = new AbortController();
  const known = { kind: 'known', createdAt: 1, expiresAt: 2, from: 'getSelf' } as const;
  const refused = { kind: 'refused', detail: undefined, reason: '' } as const;
  const answers = [
    { ...refused, code: 'UNREACHABLE' },
    { ...refused, code: 'ROLE_REFUSED' },
    'rotated',
    { ...refused, code: 'CREDENTIAL_REFUSED' },
    known,
  ] as const;
  const waits: number[] = [];
  let asked = 0;
  let fingerprint = 'before';
  const client = {
    keyLife: async () => {
      const answer = answers[asked++];
      if (answer !== 'rotated') return answer;
      fingerprint = 'after';
      return known;
    },
    credential: {
      get state() {
        return { fingerprint };
      },
      waitForChange: async (ms: number) => {
        waits.push(ms / 60_000);
        if (asked === answers.length) stop.abort();
        return false;
      },
    },
  } as unknown as Client;
  const reported: unknown[] = [];
  const guard = { setReportedLifetime: (life: unknown) => reported.push(life) } as unknown as KeyExpiryMonitor;
  const log = createLog({ level: 'error', format: 'json' });
  await followKeyLife(client, guard, log, { sleep: async () => {} }, stop.signal).ended;
  expect(waits).toEqual([1, 720, 1, 1, 720]);
  expect(reported).toEqual([known]);
});
