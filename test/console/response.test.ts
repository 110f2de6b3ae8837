import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Tenant } from '../../fixtures/tenant/tenant.js';
import { freePort } from '../free-port.js';
import { readEvents } from '../sinks/tables/read-events.js';
import { consoleOverTenant, put, until } from './console-over-tenant.js';
import { type Client, type Reply, startBuiltConsole, type TestConsole } from './harness.js';

const ALL = ['disable-user', 'enable-user', 'add-to-group', 'remove-from-group', 'expire-password'];

const staticGroup = ({ directory }: Tenant): string =>
  directory.ids('groups').find((id) => directory.get('groups', id)!.membershipMethod === 'STATIC')!;

/** A console over a tenant with a directory; feed `north` may act, with a service account of its own. */
async function responding(allow: readonly string[] = ALL) {
  const here = await consoleOverTenant({
    records: 5,
    // What it may do is the operator's to say.
    env: (root, tenant) => ({
      ...(allow.length === 0 ? {} : { RESPOND_ALLOW: allow.join(',') }),
      RESPOND_GROUPS: staticGroup(tenant),
      RESPOND_ACTIONS_PER_HOUR: '100',
      RESPOND_DIRECTORY: join(root, 'tables', 'respond'),
    }),
    tenant: { directory: { users: 40, groups: 6, administrators: 8 }, serviceAccounts: [{}] },
  });
  const { admin, one, tenant, document } = here;
  const { directory } = tenant;
  const account = tenant.serviceAccounts[0]!;
  const users = directory.ids('users').map((id) => directory.get('users', id)!);
  const usable = users.filter((user) => user.state === 'ACTIVATED' && user.externally_managed !== true);
  const [target, other] = usable.filter(({ admin: link }) => link == null);
  // The first two administrators hold the role that the last of may not be disabled.
  const linked = usable.find((user) => user.admin != null)!;
  const feed = document('north', {
    jumpcloud: {
      baseUrl: tenant.baseUrl,
      apiKey: tenant.apiKey,
      tokenUrl: tenant.tokenUrl,
      consoleUrl: tenant.consoleUrl,
    },
    respond: {
      clientId: account.clientId,
      clientSecret: account.clientSecret,
      orgId: tenant.organization,
    },
  });
  const saved = await put(admin, feed);
  expect(saved.status, saved.text).toBe(201);
  const place = '/feeds/north/response/actions';
  const planned = (by: Client, body: object) => by.send('POST', place, { reason: 'INC-1', ...body });
  const ran = async (by: Client, { actionId, hash }: { actionId: string; hash: string }) => {
    const asked = await by.send('POST', `${place}/${actionId}/execution`, { hash });
    expect(asked.status, asked.text).toBe(202);
    await until(
      () => by.get(`/jobs/${asked.json.id}`),
      ({ json }) => json.state !== 'running',
    );
    return (await by.get(`${place}/${actionId}`)).json;
  };
  const writes = () =>
    directory.writes.filter(({ byRequest }) => byRequest).map(({ operation, ids }) => [operation, ...ids]);
  return {
    ...here,
    directory,
    account,
    feed,
    place,
    planned,
    ran,
    writes,
    group: staticGroup(tenant),
    user: String(target!._id),
    other: String(other!._id),
    linked: String(linked._id),
    person: (name: string) => one.user(admin, name, 'operator'),
  };
}

/** Who holds a token. */
const holderOf = (one: TestConsole, token: string): Client => {
  const headers = { authorization: `Bearer ${token}` };
  return {
    credential: headers,
    cookie: undefined,
    proof: undefined,
    get: (path) => one.send(`/api/v1${path}`, { headers }),
    send: (method, path, body) => one.send(`/api/v1${path}`, { method, body, headers }),
  };
};

const codeOf = ({ status, json }: Reply) => [status, json?.code];

describe('an action over the API', () => {
  it('is planned without a write, executed by one write however often it is asked for, verified and undone', async () => {
    const { admin: operator, planned, place, ran, writes, directory, user } = await responding();
    const plan = await planned(operator, { verb: 'disable-user', user });
    expect(plan.status, plan.text).toBe(201);
    expect(plan.json).toMatchObject({ state: 'planned', requester: 'ana', refusals: [], user: { id: user } });
    expect(plan.json.warnings.join()).toContain('administrator account of the same person stays usable');
    expect(writes()).toEqual([]);
    const { actionId, hash } = plan.json;
    const asked = await Promise.all(
      [1, 2, 3].map(() => operator.send('POST', `${place}/${actionId}/execution`, { hash })),
    );
    expect(asked.map(({ status }) => status)).toEqual([202, 202, 202]);
    expect(await ran(operator, plan.json)).toMatchObject({
      state: 'verified',
      outcome: { status: 200 },
      undoRefusal: null,
    });
    expect(writes()).toEqual([['suspend', user]].map(([, id]) => [expect.any(String), id]));
    expect(directory.get('users', user)).toMatchObject({ state: 'SUSPENDED', suspended: true });
    const undo = await operator.send('POST', `${place}/${actionId}/undo`, {});
    expect(undo.status, undo.text).toBe(201);
    expect(undo.json).toMatchObject({ verb: 'enable-user', undoes: actionId, state: 'planned' });
    expect(writes()).toHaveLength(1);
    expect(await ran(operator, undo.json)).toMatchObject({ state: 'verified' });
    expect(directory.get('users', user)).toMatchObject({ state: 'ACTIVATED', suspended: false });
    expect(writes()).toHaveLength(2);
    const history = await operator.get(place);
    expect(history.json.actions.map(({ actionId: id }: { actionId: string }) => id)).toEqual([
      undo.json.actionId,
      actionId,
    ]);
    expect(history.json.chain).toMatchObject({ intact: true, lines: 6 });
  });

  it('on an administrator waits for a second person: neither the requester, nor a token, nor another hash approves it, and the audit holds each step', async () => {
    const { admin, person, one, planned, place, ran, writes, linked } = await responding();
    const [operator, second] = [await person('ben'), await person('cleo')];
    const plan = await planned(operator, { verb: 'disable-user', user: linked });
    expect(plan.json, plan.text).toMatchObject({ state: 'waiting', approvedUntil: null, refusals: [] });
    const { actionId, hash } = plan.json;
    const approval = `${place}/${actionId}/approval`;
    expect(await ran(operator, plan.json)).toMatchObject({ state: 'waiting', outcome: { refusal: 'NOT_APPROVED' } });
    expect(codeOf(await operator.send('POST', approval, { hash }))).toEqual([409, 'NOT_APPROVED']);
    const bot = await one.token(admin, 'bot', 'admin');
    expect(codeOf(await bot.send('POST', approval, { hash }))).toEqual([403, 'PERSON']);
    expect(codeOf(await second.send('POST', approval, { hash: '0'.repeat(64) }))).toEqual([409, 'NOT_APPROVED']);
    expect(writes()).toEqual([]);
    expect((await second.send('POST', approval, { hash })).json).toMatchObject({
      state: 'planned',
      approvals: [{ by: 'cleo', hash }],
    });
    expect(codeOf(await operator.send('POST', `${place}/${actionId}/execution`, { hash: 'f'.repeat(64) }))).toEqual([
      409,
      'STALE',
    ]);
    expect(await ran(operator, plan.json)).toMatchObject({ state: 'verified' });
    expect(writes()).toHaveLength(1);
    await operator.send('POST', `${place}/${actionId}/undo`, {});
    const auditOf = async (target: string) =>
      (await admin.get(`/audit?target=${target}`)).json.entries
        .map(({ actor, operation, status }: Record<string, unknown>) => [actor, operation, status])
        .reverse();
    expect(await auditOf(actionId)).toEqual([
      ['ben', 'planAction', 201],
      ['ben', 'runAction', 202],
      ['ben', 'approveAction', 409],
      ['cleo', 'approveAction', 409],
      ['cleo', 'approveAction', 200],
      ['ben', 'runAction', 409],
      ['ben', 'runAction', 202],
    ]);
    expect(await auditOf(`${actionId}-undo`)).toEqual([['ben', 'undoAction', 201]]);
  });

  it('is refused with its reason and what would lift it, by the guards and by the kill switch', async () => {
    const {
      admin: operator,
      planned,
      ran,
      writes,
      root,
      user,
      other,
      group,
    } = await responding(['disable-user', 'expire-password']);
    const notAllowed = await planned(operator, { verb: 'add-to-group', user, group });
    expect(notAllowed.json).toMatchObject({
      state: 'refused',
      refusals: [{ code: 'VERB_NOT_ALLOWED', cure: 'Add add-to-group to respond.allow.' }],
    });
    expect(await ran(operator, notAllowed.json)).toMatchObject({ outcome: { refusal: 'VERB_NOT_ALLOWED' } });
    expect(codeOf(await planned(operator, { verb: 'disable-user', user, group }))).toEqual([422, 'GROUP']);
    expect(codeOf(await planned(operator, { verb: 'add-to-group', user }))).toEqual([422, 'GROUP']);
    expect(codeOf(await planned(operator, { verb: 'disable-user', user: 'nobody' }))).toEqual([422, 'USAGE']);
    const first = await planned(operator, { verb: 'disable-user', user, actionId: 'case-1' });
    expect(first.status).toBe(201);
    const taken = await planned(operator, { verb: 'disable-user', user: other, actionId: 'case-1' });
    expect(codeOf(taken)).toEqual([409, 'ACTION_ID_TAKEN']);
    writeFileSync(join(root, 'tables', 'respond', 'STOP'), '');
    expect(await ran(operator, first.json)).toMatchObject({ outcome: { refusal: 'STOPPED' } });
    expect((await operator.get('/response')).json.feeds).toMatchObject([{ feed: 'north', stopped: true }]);
    rmSync(join(root, 'tables', 'respond', 'STOP'));
    expect(writes()).toEqual([]);
  });

  it('that was begun before a crash is settled by reading at the start of the console, never sent, and its metrics are there', async () => {
    const { admin: operator, place, planned, writes, one, root, env, user, directory, account } = await responding();
    const plan = await planned(operator, { verb: 'disable-user', user });
    directory.suspend(user);
    const journal = readdirSync(join(root, 'tables', 'respond', 'north')).filter((name) =>
      /^response-.*\.ndjson$/.test(name),
    );
    expect(journal).toHaveLength(1);
    // What a process leaves that is killed after its request: the intent, and no outcome.
    const { openJournal } = await import('../../collector/files/hash-chained-journal.js');
    const open = await openJournal(join(root, 'tables', 'respond', 'north'), 'response', () => one.now);
    await open.append({ type: 'intent', actionId: plan.json.actionId, at: plan.json.plannedAt, hash: plan.json.hash });
    await open.close();
    expect((await operator.get(`${place}/${plan.json.actionId}`)).json).toMatchObject({ state: 'begun' });
    await one.close();
    // The built program: that `run` settles once its feeds have begun.
    const port = await freePort();
    const { child } = await startBuiltConsole({
      env: { ...env, HTTP_ENABLED: 'true', HTTP_PORT: String(port) },
      directory: one.directory,
    });
    const lines = await until(
      async () => readFileSync(join(root, 'tables', 'respond', 'north', journal[0]!), 'utf8'),
      (text) => text.includes('"outcome"'),
    );
    expect(lines).toContain('found suspended when read again, though no answer came');
    expect(writes()).toEqual([]);
    const metrics = await until(
      () => fetch(`http://127.0.0.1:${port}/metrics`).then((answer) => answer.text()),
      (text) => /response_actions\{feed="north",result="(begun|verified)"\} 1/.test(text),
    );
    expect(metrics).toMatch(/response_events_undelivered\{feed="north"\} 0/);
    for (const name of ['cmdline', 'comm'])
      expect(readFileSync(`/proc/${child.pid}/${name}`).includes(account.clientSecret), name).toBe(false);
  });
});

describe('who may act', () => {
  it('is an operator, and a token that holds the verb: viewers and analysts see the history', async () => {
    const { admin, one, place, planned, ran, writes, person, user, linked } = await responding();
    const second = await person('cleo');
    for (const role of ['viewer', 'analyst']) {
      const person = await one.user(admin, `one-${role}`, role);
      expect((await person.get(place)).status).toBe(200);
      expect(codeOf(await planned(person, { verb: 'disable-user', user }))).toEqual([403, 'ROLE']);
    }
    const bare = await one.token(admin, 'bare', 'operator');
    expect(codeOf(await planned(bare, { verb: 'disable-user', user }))).toEqual([403, 'VERB']);
    const made = await admin.send('POST', '/tokens', { name: 'soar', role: 'operator', verbs: ['disable-user'] });
    const soar = holderOf(one, made.json.token);
    expect(codeOf(await planned(soar, { verb: 'expire-password', user }))).toEqual([403, 'VERB']);
    const plan = await planned(soar, { verb: 'disable-user', user: linked });
    expect(plan.json, plan.text).toMatchObject({ requester: 'token soar of ana', state: 'waiting' });
    const approval = `${place}/${plan.json.actionId}/approval`;
    const { hash } = plan.json;
    expect(codeOf(await admin.send('POST', approval, { hash }))).toEqual([409, 'NOT_APPROVED']);
    expect((await second.send('POST', approval, { hash })).status).toBe(200);
    expect(await ran(soar, plan.json)).toMatchObject({ state: 'verified' });
    expect(codeOf(await soar.send('POST', `${place}/${plan.json.actionId}/undo`, {}))).toEqual([403, 'VERB']);
    expect(writes()).toHaveLength(1);
  });

  it('is nobody alone by way of a token: who made it, rotated it, or had another token do so is behind its actions', async () => {
    const { admin: ana, one, place, planned, person, linked, directory, user } = await responding();
    const [bob, cleo] = [await one.user(ana, 'bob', 'admin'), await person('cleo')];
    const verbs = ['disable-user'];
    const made = async (by: Client, name: string) =>
      (await by.send('POST', '/tokens', { name, role: 'operator', verbs })).json;
    const refusedTo = async (holder: Client, actionId: string, ...others: Client[]) => {
      const { json, text } = await planned(holder, { verb: 'disable-user', user: linked, actionId });
      expect(json, text).toMatchObject({ state: 'waiting' });
      const approve = (by: Client) => by.send('POST', `${place}/${actionId}/approval`, { hash: json.hash });
      for (const other of others) expect(codeOf(await approve(other))).toEqual([409, 'NOT_APPROVED']);
      expect((await approve(cleo)).json).toMatchObject({ state: 'planned', approvals: [{ by: 'cleo' }] });
    };
    const soar = await made(ana, 'soar');
    const rotate = (by: Client) => by.send('POST', `/tokens/${soar.id}/rotate`, { overlapHours: 0 });
    const rotated = (await rotate(bob)).json;
    expect(rotated).toMatchObject({ createdBy: 'ana', heldBy: ['ana', 'bob'] });
    await refusedTo(holderOf(one, rotated.token), 'case-1', ana, bob);

    const first = await one.token(ana, 'first', 'admin');
    const second = await made(first, 'second');
    expect(second).toMatchObject({ createdBy: 'ana', heldBy: ['ana'] });
    await refusedTo(holderOf(one, second.token), 'case-2', ana);
    const dora = await one.user(ana, 'dora', 'admin');
    expect((await rotate(await one.token(dora, 'of-dora', 'admin'))).json.heldBy).toEqual(['ana', 'bob', 'dora']);

    const self = await one.user(ana, String(directory.get('users', user)!.username), 'admin');
    const own = holderOf(one, (await made(self, 'own')).token);
    expect((await planned(own, { verb: 'disable-user', user })).json.refusals).toMatchObject([{ code: 'OWN_ACCOUNT' }]);
  });

  it('A23: is nobody whose page is not the console’s, who lacks the proof, or whose feed is off', async () => {
    const { admin, one, place, user, writes } = await responding([]);
    const body = { verb: 'disable-user', user, reason: 'INC-1' };
    const path = `/api/v1${place}`;
    const operator = admin;
    const { cookie } = operator.credential;
    const own = { origin: one.origin, 'sec-fetch-site': 'same-origin' };
    const refusals = [
      await one.send(path, { method: 'POST', body, headers: own }),
      await one.send(path, { method: 'POST', body, headers: { ...own, cookie: cookie! } }),
      await one.send(path, {
        method: 'POST',
        body,
        headers: { ...operator.credential, origin: 'https://evil.example' },
      }),
      await one.send(path, { method: 'POST', body, headers: operator.credential }),
      await one.send(path, { method: 'DELETE', headers: { ...operator.credential, ...own } }),
      await operator.send('POST', place, { ...body, extra: true }),
      await operator.send('POST', place, { ...body, reason: 'x'.repeat(70_000) }),
    ].map(({ status }) => status);
    expect(refusals).toEqual([401, 401, 403, 403, 405, 422, 413]);
    expect(codeOf(await operator.send('POST', place, body))).toEqual([409, 'RESPONSE_OFF']);
    expect(writes()).toEqual([]);
  });
});

describe('the service account of response', () => {
  /** Files below a folder that hold a text. */
  const holding = (folder: string, text: string) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((name) => join(folder, name))
      .filter((path) => statSync(path).isFile() && readFileSync(path).includes(text));

  it('A24: is tested by reading, rotated once the new secret works, and its secret is in one file alone', async () => {
    const { admin, one, root, account, tenant, planned, place, ran, user, writes } = await responding();
    const operator = admin;
    const said: string[] = [];
    const heard = async (reply: Promise<Reply>) => {
      const answer = await reply;
      said.push(answer.text, JSON.stringify(answer.headers));
      return answer;
    };
    expect((await heard(operator.send('POST', '/feeds/north/response/test', {}))).json).toMatchObject({ works: true });
    const before = (await heard(operator.get('/response'))).json.feeds[0].account;
    expect(before).toMatchObject({ clientId: account.clientId, organization: tenant.organization, kept: 'console' });
    expect(before.fingerprint).toMatch(/^sha256:/);
    const wrong = await heard(
      admin.send('PUT', '/feeds/north/secrets/respond.clientSecret', { secret: 'not-the-secret-of-anybody' }),
    );
    expect(codeOf(wrong)).toEqual([422, 'CREDENTIAL_REFUSED']);
    expect((await heard(operator.get('/response'))).json.feeds[0].account).toEqual(before);
    const rotated = tenant.addServiceAccount({ clientId: account.clientId }).clientSecret;
    const renewed = await heard(admin.send('PUT', '/feeds/north/secrets/respond.clientSecret', { secret: rotated }));
    expect(renewed.status, renewed.text).toBe(202);
    const after = (await heard(operator.get('/response'))).json.feeds[0].account;
    expect(after.fingerprint).not.toBe(before.fingerprint);
    const plan = await heard(planned(operator, { verb: 'disable-user', user }));
    said.push(JSON.stringify(await ran(operator, plan.json)));
    expect(writes()).toHaveLength(1);
    for (const path of [place, `${place}/${plan.json.actionId}`, '/audit', '/feeds/north', '/feeds/north/status'])
      await heard(admin.get(path));
    await heard(admin.get('/feeds/north/effective'));
    await heard(admin.get('/feeds/north/log'));
    await heard(admin.get('/export'));
    const events = [...(await readEvents(join(root, 'tables', 'respond', 'north', 'response'))).values()];
    expect(events.length).toBeGreaterThanOrEqual(4);
    const everything = said.join('\n') + one.logged() + events.join('\n');
    // The tenant's access tokens begin with `jct.`.
    expect(everything).not.toMatch(/jct\.\w{20}/);
    for (const secret of [account.clientSecret, rotated]) {
      expect(everything).not.toContain(secret);
      expect(holding(root, secret)).toEqual([]);
      expect(holding(one.directory, secret).every((path) => path.includes(join('secrets', 'north')))).toBe(true);
    }
    expect(holding(one.directory, rotated)).toHaveLength(1);
  });

  it('goes nowhere else: an address that changes needs the secret again, and two feeds with one directory have a journal each', async () => {
    const { admin, feed, tenant, planned, root, user } = await responding();
    const stored = (await admin.get('/feeds/north')).json;
    const moved = {
      ...stored,
      jumpcloud: { ...stored.jumpcloud, tokenUrl: `${tenant.tokenUrl}/elsewhere`, apiKey: tenant.apiKey },
    };
    const refusal = await put(admin, moved, { 'if-match': '*' });
    expect(codeOf(refusal)).toEqual([422, 'CREDENTIAL_NEEDED']);
    expect(refusal.json.problems).toMatchObject([{ pointer: '/respond/clientSecret' }]);
    const text = JSON.stringify((feed as unknown as { respond: object }).respond);
    expect(JSON.stringify(stored)).not.toContain(JSON.parse(text).clientSecret);
    const twin = { ...feed, name: 'south', tables: { directory: join(root, 'tables', 'south') } };
    expect((await put(admin, twin)).status).toBe(201);
    expect((await planned(admin, { verb: 'disable-user', user })).status).toBe(201);
    const journals = readdirSync(join(root, 'tables', 'respond'), { recursive: true }).map(String);
    expect(journals.filter((name) => name.endsWith('.ndjson'))).toEqual([expect.stringMatching(/^north\//)]);
  });
});
