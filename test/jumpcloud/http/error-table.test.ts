import { describe, expect, it } from 'vitest';
import {
  type Circumstances,
  exceptionTable,
  failureOfException,
  failureOfStatus,
  statusTable,
} from '../../../collector/jumpcloud/http/error-table.js';
import { messageOf, safeExcerpt } from '../../../collector/jumpcloud/http/safe-excerpt.js';
import { adminKey, clientFor, collect } from '../client-under-test.js';
import { answer, scriptedServer } from '../scripted-server.js';

const circumstances: Circumstances = {
  purpose: 'api',
  host: 'api.jumpcloud.com',
  where: 'JUMPCLOUD_API_KEY',
  organizationNamed: false,
  secrets: [adminKey],
};
const named = { ...circumstances, organizationNamed: true };
const said = (status: number, message = '') => ({
  status,
  body: message === '' ? '' : JSON.stringify({ message }),
  html: false,
  location: undefined,
});

describe('F-14: what a status means', () => {
  it.each<[number, string, Circumstances, string]>([
    [400, 'Start Time not after End Time', circumstances, 'QUERY_REFUSED'],
    [400, 'unknown service', circumstances, 'QUERY_REFUSED'],
    [400, 'invalid organization id', named, 'ORGANIZATION_WRONG'],
    [400, 'invalid x-org-id', circumstances, 'ORGANIZATION_MISSING'],
    [401, 'Unauthorized', circumstances, 'CREDENTIAL_REFUSED'],
    [401, '', circumstances, 'CREDENTIAL_REFUSED'],
    [401, 'no organization selected', circumstances, 'ORGANIZATION_MISSING'],
    [401, 'No organisation selected.', circumstances, 'ORGANIZATION_MISSING'],
    [402, 'Directory Insights is not enabled', circumstances, 'NOT_LICENSED'],
    [403, 'Forbidden', circumstances, 'ROLE_REFUSED'],
    [403, 'Forbidden: organization selection not allowed via header', named, 'ORGANIZATION_WRONG'],
    [404, 'Not Found', circumstances, 'BASE_URL_WRONG'],
    [404, 'organization not found', named, 'ORGANIZATION_WRONG'],
    [405, '', circumstances, 'QUERY_REFUSED'],
    [407, '', circumstances, 'UNREACHABLE'],
    [408, '', circumstances, 'TIMED_OUT'],
    [413, '', circumstances, 'RESPONSE_TOO_LARGE'],
    [429, '', circumstances, 'RATE_LIMITED'],
    [500, 'technical difficulties', circumstances, 'SERVER_ERROR'],
    [503, '', circumstances, 'SERVER_ERROR'],
    [302, '', circumstances, 'BASE_URL_WRONG'],
    [204, '', circumstances, 'RESPONSE_INVALID'],
  ])('%i %j', (status, message, around, code) => {
    const failure = failureOfStatus(said(status, message), around);
    expect(failure).toMatchObject({ code, detail: String(status) });
    expect(failure.message).toMatch(new RegExp(`^${status} from JumpCloud: \\w`));
    expect(failure.cure).toMatch(/\.$/);
    expect(failure.transient).toBe([204, 408, 429, 500, 503].includes(status));
  });

  it('an HTML body is never quoted; a 403 page is a firewall’s, not JumpCloud’s', () => {
    const html = { status: 502, body: '<html><h1>Bad gateway</h1></html>', html: true, location: undefined };
    expect(failureOfStatus(html, circumstances).message).toMatch(/HTML error page/);
    expect(failureOfStatus(html, circumstances).message).not.toContain('<');
    expect(failureOfStatus({ ...html, status: 403 }, circumstances)).toMatchObject({
      code: 'UNREACHABLE',
      transient: true,
    });
  });

  it('every row has words for all it promises: no empty place is left in any message', () => {
    for (const row of [...statusTable, ...exceptionTable]) {
      const filled = `${row.meaning} ${row.cure}`;
      for (const [, name] of filled.matchAll(/\{(\w+)\}/g))
        expect(['status', 'host', 'where', 'phase', 'said', 'target', 'errno']).toContain(name);
    }
    const failure = failureOfException(Object.assign(new Error('x'), { code: 'CERT_HAS_EXPIRED' }), circumstances);
    expect(failure.message).toBe(
      'the certificate of api.jumpcloud.com has expired or is not valid yet (CERT_HAS_EXPIRED)',
    );
  });
});

describe('what a fault means', () => {
  it.each([
    ['ENOTFOUND', 'UNREACHABLE', true],
    ['EAI_AGAIN', 'UNREACHABLE', true],
    ['ECONNREFUSED', 'UNREACHABLE', true],
    ['ECONNRESET', 'UNREACHABLE', true],
    ['EPIPE', 'UNREACHABLE', true],
    ['EHOSTUNREACH', 'UNREACHABLE', true],
    ['ETIMEDOUT', 'TIMED_OUT', true],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'TLS_REFUSED', false],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'TLS_REFUSED', false],
    ['CERT_HAS_EXPIRED', 'TLS_REFUSED', false],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'TLS_REFUSED', false],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'TLS_REFUSED', false],
    ['EPROTO', 'TLS_REFUSED', false],
    ['ERR_PROXY_AUTHENTICATION', 'UNREACHABLE', false],
    ['ERR_PROXY_REFUSED', 'UNREACHABLE', true],
    ['ERR_PROXY_DROPPED', 'UNREACHABLE', true],
    ['HPE_INVALID_CONSTANT', 'RESPONSE_INVALID', true],
    ['Z_BUF_ERROR', 'RESPONSE_INVALID', true],
    ['ERR_ABORTED', 'ABORTED', false],
    ['SOMETHING_NEW', 'UNREACHABLE', true],
  ])('%s', (errno, code, transient) => {
    // As got hands it on: wrapped, with the code on the outside or only on the cause.
    const cause = Object.assign(new Error('inner'), { code: errno });
    for (const error of [cause, Object.assign(new Error('outer'), { cause })])
      expect(failureOfException(error, circumstances)).toMatchObject({ code, transient, detail: errno });
  });

  it('what is not even an error is reported all the same', () => {
    for (const thrown of [undefined, null, 'text', 7])
      expect(failureOfException(thrown, circumstances)).toMatchObject({ code: 'UNREACHABLE', detail: 'unknown' });
  });

  it('carries nothing of the request: got’s errors hold its headers', async () => {
    const { client } = clientFor('http://127.0.0.1:9', { retry: { attempts: 1 } });
    const failure: unknown = await collect(client).catch((error: unknown) => error);
    const { inspect } = await import('node:util');
    expect(inspect(failure, { depth: Number.POSITIVE_INFINITY, showHidden: true })).not.toContain(adminKey);
  });
});

describe('a redirect', () => {
  it.each([301, 302, 303, 307, 308])(
    '%i is not followed: the credential stays, and the error says where it pointed',
    async (status) => {
      const elsewhere = await scriptedServer([]);
      const server = await scriptedServer([answer(status, '', { location: `${elsewhere.origin}/login?token=abc` })]);
      const { client } = clientFor(server.origin);
      await expect(collect(client)).rejects.toMatchObject({
        code: 'BASE_URL_WRONG',
        message: expect.stringContaining(`points to ${elsewhere.origin}/login;`),
      });
      server.verify();
      elsewhere.verify();
    },
  );
});

describe('quoted text', () => {
  it('is one line, cut, and without control characters', () => {
    expect(safeExcerpt('a\nb\r\n\tc\u0000d\u202ee\u001b[31m', [])).toBe('a b c d e [31m');
    expect(safeExcerpt('word '.repeat(100), [])).toHaveLength(200);
  });

  it.each([
    ['the key itself', `bad key ${adminKey}!`],
    ['another key', 'bad key jca_somebodyelses0123456789!'],
    ['a header', 'bad Authorization: Bearer abcdef123456!'],
    ['basic credentials', 'bad basic dXNlcjpwYXNz!'],
    ['a web token', 'bad eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln!'],
    ['a long random word', 'bad 0123456789abcdef0123456789abcdef01234567!'],
  ])('holds no secret: %s', (_, text) => {
    expect(safeExcerpt(text, [adminKey])).toMatch(/^bad (key |Authorization: )?\[secret\]!$/);
  });

  it('holds no secret that straddles the cut', () => {
    expect(safeExcerpt('x'.repeat(170) + adminKey, [adminKey])).not.toContain('jca_');
  });

  it('keeps plain sentences', () => {
    const sentence = 'Start Time not after End Time 2026-01-26T09:13:52Z > 2026-01-26T09:11:52Z';
    expect(safeExcerpt(sentence, [])).toBe(sentence);
  });

  it.each([
    ['{"message":"no"}', 'no'],
    ['{"error":"invalid_client","error_description":"who?"}', 'invalid_client: who?'],
    ['{"code":7}', '{"code":7}'],
    ['{"message":7}', '{"message":7}'],
    ['{broken', '{broken'],
    ['  text ', 'text'],
    ['<html>x</html>', ''],
    ['null', 'null'],
    ['', ''],
  ])('of %j is %j', (body, message) => {
    expect(messageOf(body)).toBe(message);
  });

  it('a key that JumpCloud echoes is in no message', async () => {
    const server = await scriptedServer([answer(400, { message: `the key ${adminKey}\nis bad` })]);
    const { client } = clientFor(server.origin);
    await expect(collect(client)).rejects.toMatchObject({
      message: '400 from JumpCloud: the query was refused (it says: "the key [secret] is bad")',
    });
  });
});
