import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openApi } from '../../collector/console/openapi.js';
import { ROUTES, type Route } from '../../collector/console/routes.js';
import { startTestConsole } from './harness.js';

/** Texts that break what handles text carelessly. */
const hostile = fc.constantFrom(
  '__proto__',
  'constructor',
  '../../etc/passwd',
  '<script>alert(1)</script>',
  '\u202e\u2066',
  '\u0000',
  '\ud800',
  '%00',
  ''.padEnd(2_000, 'x'),
  '{{7*7}}',
  "'; DROP TABLE users; --",
);
const text = fc.oneof(fc.string({ unit: 'binary' }), hostile);
const value = fc.jsonValue({ maxDepth: 3 });
const names = [
  'name',
  'user',
  'password',
  'token',
  'role',
  'document',
  'secret',
  'reason',
  'from',
  'to',
  'feed',
  'sql',
  'dryRun',
  'days',
];
const body = fc.oneof(
  value,
  fc.dictionary(fc.oneof(fc.constantFrom(...names), text), fc.oneof(value, text), { maxKeys: 6 }),
);

it('S20: whatever is sent to the operations of the document is answered as it says, never by a 5xx, never with a secret', async () => {
  const one = await startTestConsole();
  const admin = await one.firstAdmin();
  const bot = await one.token(admin, 'fuzz', 'admin');
  const secret = 'k'.repeat(20) + 'S3cr3t'.repeat(4);
  const document = {
    name: 'acme',
    jumpcloud: { apiKey: secret },
    kafka: { sasl: { mechanism: 'plain', username: 'u', password: secret } },
  };
  expect((await bot.send('PUT', '/feeds/acme', document)).status).toBe(201);
  const { paths } = openApi() as { paths: Record<string, Record<string, { responses: Record<string, unknown> }>> };
  // Its own token stays, and its own rate is not what is tested.
  const routes = Object.entries<Route>(ROUTES).filter(([id]) => !['deleteToken', 'rotateToken', 'login'].includes(id));
  const asked = fc.record({
    route: fc.constantFrom(...routes),
    segment: fc.oneof(text, fc.constantFrom('acme', 'ana', '1')),
    query: fc.dictionary(fc.constantFrom('q', 'after', 'before', 'range', 'feed', 'level', 'confirm'), text, {
      maxKeys: 3,
    }),
    body,
  });
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(asked, async ({ route: [id, route], segment, query, body: sent }) => {
      const path = route.path.replace(/\{\w+\}/g, encodeURIComponent(segment.toWellFormed()) || 'x');
      const search = new URLSearchParams(
        Object.entries(query).map(([key, one]) => [key, one.toWellFormed()] as [string, string]),
      );
      const reply = await bot.send(route.method, `${path}?${search}`, route.body === undefined ? undefined : sent);
      seen.add(id);
      if (reply.status === 429) return;
      expect([id, reply.status < 500]).toEqual([id, true]);
      const documented = paths[`/api/v1${route.path}`]![route.method.toLowerCase()]!.responses;
      if (reply.status < 400) expect(Object.keys(documented)).toContain(String(reply.status));
      else
        expect([reply.headers['content-type'], reply.json.status]).toEqual([
          'application/problem+json; charset=utf-8',
          reply.status,
        ]);
      expect(reply.headers['x-content-type-options']).toBe('nosniff');
      expect([id, reply.text.includes(secret)]).toEqual([id, false]);
    }),
    { numRuns: 400, seed: 20, endOnFailure: true },
  );
  expect(seen.size).toBeGreaterThan(routes.length * 0.9);
});
