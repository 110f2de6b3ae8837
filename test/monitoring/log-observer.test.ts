import { expect, it } from 'vitest';
import type { Log } from '../../collector/log/logger.js';
import { feedLogger } from '../../collector/monitoring/log-observer.js';
import { report } from './observe-feed.js';

it('an event type whose records share an id is logged once per feed, not per record', () => {
  const lines: string[] = [];
  const log = { info: (line: string) => lines.push(line), debug: () => {}, recovered: () => {} } as unknown as Log;
  const observer = feedLogger(log);
  const [radius, mdm] = ['radius/radius_auth_attempt', 'mdm/mdm_command_result'];
  for (const reusedIds of [[radius, radius], [], [radius, mdm]] as string[][])
    observer({ type: 'committed', lane: 'live', ...report({ reusedIds }) });
  expect(lines).toEqual([
    expect.stringContaining(`${radius} share an id`),
    expect.stringContaining(`${mdm} share an id`),
  ]);
});
