import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fingerprint } from '../../../collector/jumpcloud/auth/secret-source.js';
import { adminKey, clientFor, collect, search } from '../client-under-test.js';
import { answer, page, type Step, scriptedServer } from '../scripted-server.js';

const newKey = 'jca_zyxwvutsrqponmlkjihgfedcba9876543210BBBB';

/** Which header a request carried its key in, and which key. */
function carried(headers: Record<string, unknown>): string {
  const bearer = /^Bearer (.*)$/.exec(String(headers.authorization ?? ''))?.[1];
  return bearer === undefined ? `x-api-key ${headers['x-api-key']}` : `bearer ${bearer}`;
}

/** A JumpCloud that takes these keys, each under these headers, and answers 401 to all else. */
function taking(accepted: () => readonly string[], granted: Step = page([])): Step {
  return (request, response) => {
    const step = accepted().includes(carried(request.headers)) ? granted : answer(401, { message: 'Unauthorized' });
    step(request, response);
  };
}

function keyFile(content: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'credential-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'key');
  writeFileSync(file, content, { mode: 0o600 });
  return file;
}

/** Replaces the file as a careful operator, or Kubernetes, does. */
function replaceFile(file: string, content: string): void {
  writeFileSync(`${file}.new`, content, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

describe('the header of a key', () => {
  it('is bearer by default, and bearer it stays where JumpCloud takes it', async () => {
    const server = await scriptedServer(taking(() => [`bearer ${adminKey}`]));
    const { client, told } = clientFor(server.origin, { authorization: undefined });
    await collect(client);
    await collect(client);
    expect(server.requests.map((request) => carried(request.headers))).toEqual(Array(2).fill(`bearer ${adminKey}`));
    expect(told.onHeaderUsed).toEqual([{ configured: 'bearer', used: 'bearer', fingerprint: fingerprint(adminKey) }]);
  });

  it('changes to x-api-key once when the very first bearer request is refused; what worked is reported and kept', async () => {
    const server = await scriptedServer(taking(() => [`x-api-key ${adminKey}`]));
    const { client, timing, told } = clientFor(server.origin, { authorization: 'bearer' });
    await collect(client);
    await collect(client);
    expect(server.requests.map((request) => carried(request.headers))).toEqual([
      `bearer ${adminKey}`,
      `x-api-key ${adminKey}`,
      `x-api-key ${adminKey}`,
    ]);
    expect(server.requests[0]?.body).toBe(server.requests[1]?.body);
    expect(told.onHeaderUsed).toEqual([
      { configured: 'bearer', used: 'x-api-key', fingerprint: fingerprint(adminKey) },
    ]);
    expect(client.credential.state).toEqual({
      configured: 'bearer',
      used: 'x-api-key',
      fingerprint: fingerprint(adminKey),
      lastFour: 'AAAA',
      where: 'JUMPCLOUD_API_KEY',
      refused: false,
    });
    expect(told.onKeyRefused).toEqual([]);
    // The change of header costs no back-off.
    expect(timing.total()).toBeLessThan(1_000);
  });

  it('that worked in an earlier run is used at once, and a 401 then is no reason for another', async () => {
    const server = await scriptedServer([page([]), answer(401, { message: 'Unauthorized' })]);
    const { client } = clientFor(server.origin, { authorization: 'bearer' });
    client.credential.restore(
      JSON.parse(JSON.stringify([{ fingerprint: fingerprint(adminKey), header: 'x-api-key' }])),
    );
    await collect(client);
    await expect(collect(client)).rejects.toMatchObject({ code: 'CREDENTIAL_REFUSED' });
    server.verify();
    expect(server.requests.map((request) => carried(request.headers))).toEqual(Array(2).fill(`x-api-key ${adminKey}`));
    expect(client.credential.remember()).toEqual([{ fingerprint: fingerprint(adminKey), header: 'x-api-key' }]);
  });

  it('remembered for another key, or in a memory that is damaged, is no help and no harm', async () => {
    const server = await scriptedServer([page([])]);
    const { client } = clientFor(server.origin, { authorization: 'bearer' });
    for (const memory of [
      undefined,
      null,
      'x',
      [null, 1, {}, { fingerprint: 1, header: 'bearer' }],
      [{ fingerprint: 'f', header: 'x-api-key' }],
    ])
      client.credential.restore(memory);
    await collect(client);
    expect(carried(server.requests[0]?.headers ?? {})).toBe(`bearer ${adminKey}`);
  });

  it.each(['x-api-key', 'bearer'] as const)('fixed as %s is never changed', async (authorization) => {
    const server = await scriptedServer([answer(401, { message: 'Unauthorized' })]);
    const { client } = clientFor(server.origin, { authorization, headerFallback: false });
    await expect(collect(client)).rejects.toMatchObject({ code: 'CREDENTIAL_REFUSED' });
    server.verify();
    expect(carried(server.requests[0]?.headers ?? {})).toBe(`${authorization} ${adminKey}`);
  });

  it('does not change when bearer was accepted before: that 401 is about the key', async () => {
    const server = await scriptedServer([page([]), answer(401, { message: 'Unauthorized' })]);
    const { client } = clientFor(server.origin, { authorization: 'bearer' });
    await collect(client);
    await expect(collect(client)).rejects.toMatchObject({ code: 'CREDENTIAL_REFUSED' });
    server.verify();
  });

  it('a server error in reply to the other header leaves it on trial, not forgotten', async () => {
    const server = await scriptedServer([answer(401, { message: 'Unauthorized' }), answer(503), page([])]);
    const { client } = clientFor(server.origin, { authorization: 'bearer' });
    await collect(client);
    server.verify();
    expect(server.requests.map((request) => carried(request.headers).split(' ')[0])).toEqual([
      'bearer',
      'x-api-key',
      'x-api-key',
    ]);
  });

  it('both refused: one error, and the requests of later minutes take turns', async () => {
    const accepted: string[] = [];
    const server = await scriptedServer(taking(() => accepted));
    const { client, timing, told } = clientFor(server.origin, { authorization: 'bearer' });
    await expect(collect(client)).rejects.toMatchObject({ code: 'CREDENTIAL_REFUSED' });
    expect(server.requests).toHaveLength(2);
    await expect(collect(client)).rejects.toMatchObject({ code: 'CREDENTIAL_REFUSED' });
    expect(server.requests).toHaveLength(3);
    accepted.push(`x-api-key ${adminKey}`);
    await collect(client);
    expect(timing.monotonic()).toBeGreaterThanOrEqual(120_000);
    expect(server.requests.map((request) => carried(request.headers).split(' ')[0])).toEqual([
      'bearer',
      'x-api-key',
      'bearer',
      'x-api-key',
    ]);
    expect(told.onKeyRefused).toHaveLength(1);
    expect(client.credential.state).toMatchObject({ used: 'x-api-key', refused: false });
  });
});

describe('F-14: the 401 of a missing organization', () => {
  const noOrganization = answer(401, { message: 'no organization selected' });

  it('is reported as such, and neither another header nor a wait is tried', async () => {
    const server = await scriptedServer([noOrganization, noOrganization]);
    const { client, timing, told } = clientFor(server.origin, { authorization: 'bearer' });
    await expect(collect(client)).rejects.toMatchObject({
      code: 'ORGANIZATION_MISSING',
      cure: expect.stringContaining('jumpcloud.orgId'),
    });
    await expect(collect(client)).rejects.toMatchObject({ code: 'ORGANIZATION_MISSING' });
    server.verify();
    expect(server.requests.map((request) => carried(request.headers))).toEqual(Array(2).fill(`bearer ${adminKey}`));
    expect(told.onKeyRefused).toEqual([]);
    expect(timing.total()).toBeLessThan(1_000);
  });

  it('with x-org-id sent means the wrong organization', async () => {
    const server = await scriptedServer([noOrganization]);
    const { client } = clientFor(server.origin, { orgId: 'org1' });
    await expect(collect(client)).rejects.toMatchObject({ code: 'ORGANIZATION_WRONG' });
  });

  it('is not read into a 401 that merely mentions one', async () => {
    const server = await scriptedServer([answer(401, { message: 'Invalid API key for this organization' })]);
    const { client } = clientFor(server.origin);
    await expect(collect(client)).rejects.toMatchObject({ code: 'CREDENTIAL_REFUSED' });
  });
});

describe('F-13: a key that is revoked or expires, and the swap', () => {
  it('is one clear error, then at most one request a minute, however often and by how many the client is asked', async () => {
    const server = await scriptedServer([
      page([]),
      ...Array.from({ length: 4 }, () => answer(401, { message: 'Unauthorized' })),
    ]);
    const { client, timing, told } = clientFor(server.origin, { orgId: 'org1' });
    await collect(client);
    await expect(collect(client)).rejects.toMatchObject({
      code: 'CREDENTIAL_REFUSED',
      message: '401 from JumpCloud: the key was revoked or has expired (it says: "Unauthorized")',
      cure: 'Put the new one in JUMPCLOUD_API_KEY; the position is kept.',
      transient: false,
    });
    const before = timing.monotonic();
    const attempts = await Promise.allSettled(Array.from({ length: 3 }, () => collect(client)));
    expect(attempts.map((attempt) => attempt.status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(timing.monotonic() - before).toBeGreaterThanOrEqual(3 * 60_000);
    server.verify();
    expect(told.onKeyRefused).toEqual([
      { fingerprint: fingerprint(adminKey), lastFour: 'AAAA', where: 'JUMPCLOUD_API_KEY' },
    ]);
  });

  it('a new key in the file is noticed within seconds and used by the next request, position kept', async () => {
    const file = keyFile(`${adminKey}\n`);
    const accepted = [`x-api-key ${adminKey}`];
    const server = await scriptedServer(taking(() => accepted));
    const { client, timing, told } = clientFor(server.origin, { secret: { file } });
    await collect(client);
    accepted.length = 0;
    await expect(collect(client)).rejects.toMatchObject({
      code: 'CREDENTIAL_REFUSED',
      cure: expect.stringContaining(file),
    });

    const refusedAt = timing.monotonic();
    timing.duringSleep = () => {
      if (timing.monotonic() - refusedAt < 9_000 || accepted.length > 0) return;
      accepted.push(`x-api-key ${newKey}`);
      replaceFile(file, newKey);
    };
    await collect(client);
    // Nine seconds until the new key was there, two to notice it, and the pace.
    expect(timing.monotonic() - refusedAt).toBeLessThanOrEqual(12_000);
    expect(server.requests).toHaveLength(3);
    expect(told.onKeyChanged).toEqual([{ fingerprint: fingerprint(newKey), lastFour: 'BBBB', where: file }]);
    expect(client.credential.state).toMatchObject({ lastFour: 'BBBB', refused: false });
  });

  it('a key replaced before the old one is revoked causes no 401 at all', async () => {
    const file = keyFile(adminKey);
    const accepted = [`x-api-key ${adminKey}`, `x-api-key ${newKey}`];
    const server = await scriptedServer(taking(() => accepted));
    const { client, told } = clientFor(server.origin, { secret: { file } });
    await collect(client);
    replaceFile(file, newKey);
    await collect(client);
    expect(server.requests.map((request) => carried(request.headers))).toEqual(accepted);
    expect(told.onRequest.map((request) => request.status)).toEqual([200, 200]);
  });

  it('a new key starts with the header that worked for the one before, and may try the other once', async () => {
    const file = keyFile(adminKey);
    const accepted = [`x-api-key ${adminKey}`];
    const server = await scriptedServer(taking(() => accepted));
    const { client } = clientFor(server.origin, { secret: { file }, authorization: 'bearer' });
    await collect(client);
    accepted.splice(0, 1, `x-api-key ${newKey}`);
    replaceFile(file, newKey);
    await collect(client);
    const token = 'token-of-a-gateway-CCCC';
    accepted.splice(0, 1, `bearer ${token}`);
    replaceFile(file, token);
    await collect(client);
    expect(server.requests.map((request) => carried(request.headers))).toEqual([
      `bearer ${adminKey}`,
      `x-api-key ${adminKey}`,
      `x-api-key ${newKey}`,
      `x-api-key ${token}`,
      `bearer ${token}`,
    ]);
  });

  it('a 401 to a request sent with the key before says nothing about the new one: asked again at once', async () => {
    const file = keyFile(adminKey);
    const server = await scriptedServer((request, response) => {
      if (server.requests.length === 1) replaceFile(file, newKey);
      const step = carried(request.headers).endsWith(newKey) ? answer(200, { count: 7 }) : answer(401, '');
      step(request, response);
    });
    const { client, told } = clientFor(server.origin, { secret: { file }, concurrency: 2 });
    // The second request reads the new key while the first, with the old one, is still under way.
    expect(await Promise.all([client.count(search), client.count(search)])).toEqual([7, 7]);
    expect(told.onKeyChanged).toHaveLength(1);
  });

  it('the file may be missing or empty for a moment: the key read before stays in use, and it is said once', async () => {
    const file = keyFile(adminKey);
    const server = await scriptedServer(taking(() => [`x-api-key ${adminKey}`]));
    const { client, told } = clientFor(server.origin, { secret: { file } });
    await collect(client);
    rmSync(file);
    await collect(client);
    writeFileSync(file, '');
    await collect(client);
    writeFileSync(file, adminKey);
    await collect(client);
    expect(told.onKeyUnreadable).toHaveLength(1);
    expect(told.onKeyChanged).toEqual([]);
    expect(server.requests).toHaveLength(4);
  });

  it('reload lets the next request pass at once, with the same key or another', async () => {
    const accepted: string[] = [];
    const server = await scriptedServer(taking(() => accepted));
    const { client, timing } = clientFor(server.origin);
    await expect(collect(client)).rejects.toMatchObject({ code: 'CREDENTIAL_REFUSED' });
    const refusedAt = timing.monotonic();
    accepted.push(`x-api-key ${newKey}`);
    client.credential.reload({ value: newKey, where: 'JUMPCLOUD_API_KEY' });
    await collect(client);
    expect(timing.monotonic() - refusedAt).toBeLessThan(1_000);
  });

  it('reload ends a wait that is under way', async () => {
    const accepted: string[] = [];
    const server = await scriptedServer(taking(() => accepted));
    const { client, timing } = clientFor(server.origin);
    await expect(collect(client)).rejects.toMatchObject({ code: 'CREDENTIAL_REFUSED' });
    timing.duringSleep = () => {
      if (accepted.length > 0) return;
      accepted.push(`x-api-key ${newKey}`);
      client.credential.reload({ value: newKey, where: 'JUMPCLOUD_API_KEY' });
    };
    await collect(client);
    expect(server.requests).toHaveLength(2);
    expect(timing.slept.filter((ms) => ms >= 2_000)).toHaveLength(1);
  });

  it('waiting for a change ends with the change, with the time, or with the signal', async () => {
    const file = keyFile(adminKey);
    const server = await scriptedServer([page([])]);
    const { client, timing } = clientFor(server.origin, { secret: { file } });
    await collect(client);
    expect(await client.credential.waitForChange(10_000)).toBe(false);
    const stop = new AbortController();
    timing.duringSleep = () => stop.abort();
    expect(await client.credential.waitForChange(10_000, stop.signal)).toBe(false);
    timing.duringSleep = () => replaceFile(file, newKey);
    expect(await client.credential.waitForChange(10_000)).toBe(true);
  });

  it('an accepted answer is no change of the key', async () => {
    const server = await scriptedServer([page([])]);
    const { client, timing } = clientFor(server.origin);
    await collect(client);
    const { credential } = client;
    const authorization = await credential.authorize();
    timing.duringSleep = () => credential.accepted(authorization);
    expect(await credential.waitForChange(10_000)).toBe(false);
    timing.duringSleep = () => credential.reload();
    expect(await credential.waitForChange(10_000)).toBe(true);
  });

  it('is left at once on abort', async () => {
    const server = await scriptedServer([answer(401, '')]);
    const { client, timing } = clientFor(server.origin);
    await expect(collect(client)).rejects.toMatchObject({ code: 'CREDENTIAL_REFUSED' });
    const stop = new AbortController();
    timing.duringSleep = () => stop.abort();
    await expect(collect(client, search, stop.signal)).rejects.toMatchObject({ code: 'ABORTED' });
    server.verify();
  });
});
