import { request } from 'node:http';
import { expect, it } from 'vitest';
import { consoleOverTenant, put, statementProcesses, until } from './console-over-tenant.js';

const lines = ({ text }: { text: string }) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

it('a statement is answered with columns, rows and an end, up to the limit of rows, and as a download without it', async () => {
  const { one, admin, document, tenant } = await consoleOverTenant({ built: true, env: { CONSOLE_QUERY_ROWS: '10' } });
  await put(admin, document('acme'));
  await until(
    async () => (await admin.get('/feeds/acme/status')).json.state.code,
    (code) => code === 'connected',
  );
  const ask = (body: object, client = admin) => client.send('POST', '/queries', { feed: 'acme', ...body });
  const few = lines(await ask({ sql: 'SELECT class_uid, count(*) AS n FROM events GROUP BY ALL ORDER BY 1' }));
  expect(few[0]).toEqual({
    columns: [expect.objectContaining({ name: 'class_uid' }), expect.objectContaining({ name: 'n' })],
  });
  expect(few.at(-1).end).toMatchObject({ more: false, error: null, rows: few.length - 2 });
  const many = lines(await ask({ sql: 'SELECT time_dt, event_code FROM events' }));
  expect(many.at(-1).end).toMatchObject({ rows: 10, more: true, error: null });
  const csv = await ask({ sql: 'SELECT event_code FROM events', format: 'csv' });
  expect(csv.headers['content-type']).toContain('text/csv');
  expect(csv.text.trimEnd().split('\r\n').length).toBe(tenant.ledger.size + 1);

  const { questions } = (await admin.get('/questions')).json;
  const asked = lines(await ask({ question: questions[0].name }));
  expect(asked.at(-1).end.error).toBeNull();
  const { views } = (await admin.get('/views?feed=acme')).json;
  expect(views.map(({ name }: { name: string }) => name)).toContain('authentication');
  expect((await admin.get('/feeds/acme/samples')).json.events).toHaveLength(20);

  // S11: what is not a question about the tables is refused; the tests of the query room try many more.
  for (const sql of ["SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM read_blob('/proc/self/environ')"]) {
    const [end] = lines(await ask({ sql })).slice(-1);
    expect([sql, end.end.error?.code]).toEqual([sql, 'USAGE']);
  }
  const viewer = await one.user(admin, 'eva', 'viewer');
  expect((await ask({ sql: 'SELECT 1' }, viewer)).status).toBe(403);
  const entry = (await admin.get('/audit')).json.entries.find(
    ({ operation }: { operation: string }) => operation === 'query',
  );
  expect(entry).toMatchObject({ actor: 'eva', target: null, status: 403 });
});

it('S11: a statement that takes too much is stopped, one per user runs, and a client that leaves ends its own', async () => {
  const { one, admin, document, child } = await consoleOverTenant({
    built: true,
    records: 20,
    env: { CONSOLE_QUERY_TIMEOUT: '2s' },
  });
  await put(admin, document('acme', { poll: { interval: '1s', start: '2d' } }));
  await until(
    async () => (await admin.get('/feeds/acme/status')).json.state.code,
    (code) => code === 'connected',
  );
  const bomb = { feed: 'acme', sql: 'SELECT count(*) FROM range(1000000000000) a, range(1000000) b' };
  const slow = admin.send('POST', '/queries', bomb);
  await until(
    async () => (await admin.get('/queries')).json.running,
    (running) => running.length === 1,
  );
  expect((await admin.send('POST', '/queries', bomb)).json.code).toBe('BUSY');
  const samples = admin.get('/feeds/acme/samples');
  expect(lines(await slow).at(-1).end.error.code).toBe('QUERY_LIMIT_REACHED');
  expect((await samples).json.events, 'what a page asks waits for its turn').toHaveLength(20);

  const cancelled = admin.send('POST', '/queries', bomb);
  await until(
    async () => statementProcesses(child?.pid),
    (found) => found.length === 1,
  );
  expect((await admin.send('DELETE', '/queries')).status).toBe(204);
  expect(lines(await cancelled).at(-1).end.error.code).toBe('ABORTED');

  const leaving = request({
    host: '127.0.0.1',
    port: one.port,
    path: '/api/v1/queries',
    method: 'POST',
    headers: { ...admin.credential, origin: one.origin, 'content-type': 'application/json' },
  });
  leaving.on('error', () => {});
  leaving.end(JSON.stringify(bomb));
  await until(
    async () => statementProcesses(child?.pid),
    (found) => found.length === 1,
  );
  leaving.destroy();
  await until(
    async () => statementProcesses(child?.pid),
    (found) => found.length === 0,
  );
  expect((await admin.get('/queries')).json.running).toEqual([]);
});
