import { join } from 'node:path';
import { expect, it } from 'vitest';
import { callVerb } from '../commands/call-verb.js';
import { freePort } from '../free-port.js';
import { command, compareTables, feedOf, folder, jsonLines, logins, start, tenant } from './command.js';
import { HOUR, plantGap, startFeed, until } from './repairing.js';

const TOKEN = 'token-of-the-listener';
const iso = (age: number) => new Date(Date.now() - age).toISOString().replace(/\.\d+Z$/, 'Z');

/** A feed that polls every second and looks for nothing by itself. */
async function environment(simulated: Parameters<typeof feedOf>[0], more: Readonly<Record<string, string>> = {}) {
  return feedOf(simulated, {
    HTTP_ENABLED: 'true',
    HTTP_PORT: String(await freePort()),
    HTTP_TOKEN: TOKEN,
    POLL_INTERVAL: '1s',
    RECONCILE_ENABLED: 'false',
    ...more,
  });
}

it('reconcile --repair asks a running feed to read the gap again, and proves that nothing is missing', async () => {
  const simulated = await tenant();
  const cwd = folder();
  const env = await environment(simulated);
  const feed = await startFeed(cwd, env);
  plantGap(simulated, 40, 30 * HOUR);
  plantGap(simulated, 25, 10 * HOUR);
  const args = ['reconcile', '--from', iso(40 * HOUR), '--to', iso(2 * HOUR), '--json'];
  expect((await callVerb(args, { cwd, env })).code, 'the gap is there').toBe(79);

  const unlistened = await callVerb([...args, '--repair'], { cwd, env: { ...env, HTTP_ENABLED: 'false' } });
  expect(unlistened.code).toBe(73);
  expect(unlistened.stderr).toContain('stop the feed, repeat the command');
  expect(unlistened.stderr).toContain('beside the running feed, with its configuration');
  const elsewhere = await callVerb([...args, '--repair'], {
    cwd,
    env: { ...env, HTTP_PORT: String(await freePort()) },
  });
  expect(elsewhere).toMatchObject({ code: 73, stderr: expect.stringContaining('nobody answers on http://127.0.0.1') });
  const wrong = await callVerb([...args, '--repair'], { cwd, env: { ...env, HTTP_TOKEN: 'another-token-of-a-port' } });
  expect(wrong).toMatchObject({ code: 73, stderr: expect.stringContaining("refuses this configuration's http.token") });
  expect(wrong.stderr).not.toContain('another-token-of-a-port');

  const repaired = await command([...args, '--repair'], { cwd, env });
  expect(repaired.code, repaired.stderr).toBe(0);
  const lines = jsonLines(repaired.stdout);
  expect(lines.at(-1)).toMatchObject({ verdict: 'equal' });
  expect(lines.reduce((sum, { repaired: one = 0 }) => sum + Number(one), 0)).toBe(65);
  expect(repaired.stderr).toContain('the feed runs: requesting the repair from it');
  expect(await feed.repair()).toMatchObject({ state: 'done', found: 25, error: null, endedAt: expect.any(String) });
  expect((await callVerb(args, { cwd, env })).code).toBe(0);
  feed.running.child.kill('SIGTERM');
  expect(await feed.running.ended).toMatchObject({ code: 0, stdout: '' });
  expect(feed.running.stderr()).toContain('repaired: 40 records that were missing are delivered');
  expect(await compareTables(join(cwd, 'tables'), simulated)).toMatchObject({ equal: true, delivered: 185 });
});

it('POST /repair refuses what is malformed, foreign or not of the live lane, and says what to do instead', async () => {
  const simulated = await tenant();
  const env = await environment(simulated);
  const feed = await startFeed(folder(), env);
  const good = { feed: 'jumpcloud', from: iso(20 * HOUR), to: iso(10 * HOUR) };
  const { feeds } = await feed.status();
  const { origin, settled } = feeds[0]!.lanes[0]!.position!;
  const asked: [number, string | object, Record<string, string>, string][] = [
    [401, good, { authorization: 'Bearer wrong' }, 'http.token'],
    [401, good, { authorization: '' }, 'http.token'],
    [403, good, { origin: 'http://127.0.0.1' }, 'web pages'],
    [415, good, { 'content-type': 'text/plain' }, 'application/json'],
    [415, good, { 'content-type': 'application/x-www-form-urlencoded' }, 'application/json'],
    [413, { ...good, feed: 'x'.repeat(5_000) }, {}, 'larger than'],
    [400, '{"feed":', {}, 'not JSON'],
    [400, '[]', {}, 'not an object'],
    [400, { ...good, more: 1 }, {}, 'more than feed, from and to'],
    [400, { ...good, feed: 7 }, {}, 'not a name'],
    [400, { ...good, from: 'yesterday' }, {}, 'RFC 3339'],
    [400, { ...good, to: 1 }, {}, 'RFC 3339'],
    [400, { ...good, from: good.to, to: good.from }, {}, 'not before'],
    [400, { ...good, from: '2020-01-01T00:00:00Z' }, {}, `the live lane owns what is of ${origin}`],
    [400, { ...good, to: iso(-HOUR) }, {}, 'still reads what is of'],
    [404, { ...good, feed: 'another' }, {}, 'no feed of that name'],
  ];
  for (const [status, body, headers, told] of asked) {
    const answer = await feed.post(body, headers);
    const text = await answer.text();
    expect(answer.status, text).toBe(status);
    expect(text.toLowerCase()).toContain(told.toLowerCase());
  }
  const older = await (await feed.post({ ...good, from: '2020-01-01T00:00:00Z' })).text();
  expect(older).toContain('jumpcloud-ocsf backfill');
  expect(Date.parse(settled)).toBeLessThan(Date.now());
  const looked = await fetch(`http://127.0.0.1:${env.HTTP_PORT}/repair`);
  expect([looked.status, looked.headers.get('allow')]).toEqual([405, 'POST']);
  const preflight = await fetch(`http://127.0.0.1:${env.HTTP_PORT}/repair`, { method: 'OPTIONS' });
  expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([405, null]);
  expect(await feed.repair(), 'nothing was taken on').toBeNull();
  const taken = await feed.post(good);
  expect(taken.status).toBe(202);
  const ended = await until(feed.repair, (view) => typeof view?.endedAt === 'string');
  expect(ended).toMatchObject({ state: 'done', minutes: 600, minutesRead: 600, found: 0 });
});

it('polls go on while a long repair is read in pieces; a second one is refused meanwhile; SIGTERM ends it cleanly', async () => {
  const simulated = await tenant({
    records: 600,
    from: Date.now() - 48 * HOUR,
    ...logins,
  });
  const cwd = folder();
  const env = await environment(simulated, { POLL_PAGE_SIZE: '10' });
  const feed = await startFeed(cwd, env);
  plantGap(simulated, 30, 40 * HOUR);
  plantGap(simulated, 30, 5 * HOUR);
  const args = ['reconcile', '--from', iso(45 * HOUR), '--to', iso(2 * HOUR), '--repair', '--json'];
  const range = { feed: 'jumpcloud', from: iso(45 * HOUR), to: iso(2 * HOUR) };
  simulated.latency = 300;
  expect((await feed.post(range)).status).toBe(202);
  const polls = new Set<string | null>();
  let fresh = 0;
  await until(feed.status, ({ feeds: [one] }) => {
    expect(one!.repair, 'it is still being read').toMatchObject({ endedAt: null });
    polls.add(one!.lanes[0]!.lastPoll);
    if (fresh === 0) plantGap(simulated, 1, 1_000);
    fresh += 1;
    return polls.size > 4 && one!.repair!.minutesRead > 60 && one!.repair!.found > 0;
  });
  const busy = await feed.post(range);
  expect(busy.status).toBe(409);
  expect(await busy.json()).toMatchObject({ error: expect.stringContaining('is under way'), cure: expect.any(String) });
  feed.running.child.kill('SIGTERM');
  expect(await feed.running.ended).toMatchObject({ code: 0, stdout: '' });
  expect(feed.running.stderr()).not.toContain('grace time');

  // The same with a command that waits for it.
  simulated.latency = 0;
  const again = await startFeed(cwd, env);
  plantGap(simulated, 30, 20 * HOUR);
  const isRepair = ({ body }: { readonly body: unknown }) =>
    again.running.stderr().includes('repair requested') && JSON.stringify(body).includes('end_time');
  simulated.script([{ when: { match: isRepair }, effect: { kind: 'hang' } }]);
  const asking = start(args, { cwd, env });
  await until(again.repair, (view) => view?.state === 'running');
  again.running.child.kill('SIGTERM');
  expect(await again.running.ended).toMatchObject({ code: 0 });
  expect(again.running.stderr()).not.toContain('grace time');
  const left = await asking.ended;
  expect(left, left.stderr).toMatchObject({ code: 75, stdout: '' });
  expect(left.stderr).toContain('Repeat the command');
  simulated.clearScript();
  await startFeed(cwd, env);
  expect((await callVerb(args, { cwd, env })).code).toBe(0);
  expect(await compareTables(join(cwd, 'tables'), simulated)).toMatchObject({ equal: true });
});

it('a repair goes on after failures that pass, and is given up with the code of one that does not', async () => {
  const simulated = await tenant();
  const cwd = folder();
  const env = await environment(simulated);
  const feed = await startFeed(cwd, env);
  plantGap(simulated, 20, 30 * HOUR);
  const args = ['reconcile', '--from', iso(40 * HOUR), '--to', iso(20 * HOUR), '--repair', '--json'];
  // Polls leave the end open; the command itself is silent while it waits for the feed.
  const asked = (times: number) => feed.running.stderr().split('repair requested').length > times;
  const isRepair = (times: number) => (request: { readonly body: unknown }) =>
    asked(times) && JSON.stringify(request.body).includes('end_time');
  simulated.script([{ when: { match: isRepair(1) }, effect: { kind: 'status', status: 400 } }]);
  const refused = await callVerb(args, { cwd, env });
  expect(refused.code, refused.stderr).toBe(69);
  expect(refused.stderr).toContain('The running feed gave the repair up after 0 records');
  expect(await feed.repair()).toMatchObject({ state: 'failed', error: { code: 'QUERY_REFUSED' } });
  simulated.clearScript();

  const struck: number[] = [];
  const strikes = (request: { readonly body: unknown; readonly number: number }) => {
    const strike = struck.length < 8 && isRepair(2)(request);
    if (strike) struck.push(request.number);
    return strike;
  };
  simulated.script([{ when: { match: strikes }, effect: { kind: 'reset', at: 'mid_body' } }]);
  const repairing = command(args, { cwd, env });
  await until(feed.repair, (view) => view?.state === 'running' && view.failures > 0 && view.error !== null);
  const repaired = await repairing;
  expect(repaired.code, repaired.stderr).toBe(0);
  expect(struck).toHaveLength(8);
  expect(await feed.repair()).toMatchObject({ state: 'done', found: 20, error: null });
  expect(await compareTables(join(cwd, 'tables'), simulated)).toMatchObject({ equal: true, delivered: 140 });
});
