import { join } from 'node:path';
import { expect, it } from 'vitest';
import { journalLines } from '../../collector/files/hash-chained-journal.js';
import { rowsOf } from '../sinks/tables/read-tables.js';
import { startTestConsole } from './harness.js';

async function delivered(directory: string): Promise<string[]> {
  const sql = "SELECT concat_ws(' ', event_code, status_code, class_uid) FROM events ORDER BY time_dt, event_code";
  return (await rowsOf(join(directory, 'collector_activity'), sql)).map(([text]) => String(text));
}

it('S18: each line of the audit is delivered once as an OCSF event, over restarts too', async () => {
  const one = await startTestConsole({ delivers: true });
  const admin = await one.firstAdmin();
  one.now += 1_000;
  await admin.send('POST', '/tokens', { name: 'bot', role: 'viewer' });
  await one.close();
  expect(await delivered(one.directory)).toEqual(['console.login 200 3002', 'console.createToken 201 6003']);

  const two = await startTestConsole({ delivers: true, directory: one.directory });
  two.now = one.now + 1_000;
  await two.send('/api/v1/session', { method: 'POST', body: { user: 'ana', password: 'wrong wrong wrong' } });
  await two.close();
  const all = await delivered(one.directory);
  expect(all).toEqual(['console.login 200 3002', 'console.createToken 201 6003', 'console.login 401 3002']);
  let lines = 0;
  for await (const _ of journalLines(one.directory, 'audit')) lines += 1;
  expect(lines).toBe(all.length);
});
