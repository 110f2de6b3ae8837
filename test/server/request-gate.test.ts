import { describe, expect, it } from 'vitest';
import {
  isLoopbackAddress,
  judgeClient,
  judgeRequest,
  type PortRules,
  type RouteRules,
} from '../../collector/server/request-gate.js';

const TOKEN = 'a-token-of-this-port';
const open: PortRules = { host: '127.0.0.1', token: undefined };
const locked: PortRules = { host: '0.0.0.0', token: TOKEN };
const page: RouteRules = { guarded: true };
const probe: RouteRules = { guarded: false };
const action: RouteRules = { guarded: true, body: { maxBytes: 4096 } };
const bearer = { authorization: `Bearer ${TOKEN}` };
const json = { host: 'localhost:9464', 'content-type': 'application/json' };
const get = (headers: Record<string, string>) => ({ method: 'GET', headers });
const post = (headers: Record<string, string>) => ({ method: 'POST', headers });

describe('the Host header of a request without a token', () => {
  it.each([
    ['localhost', '127.0.0.1'],
    ['LOCALHOST:9464', '127.0.0.1'],
    ['127.0.0.1:9464', '127.0.0.1'],
    ['127.8.9.10', '127.0.0.1'],
    ['[::1]:9464', '::1'],
    ['collector.internal:9464', 'collector.internal'],
    ['10.1.2.3:9464', '10.1.2.3'],
    ['[fe80::1]:9464', 'fe80::1%eth0'],
    ['10.1.2.3:9464', '0.0.0.0'],
    ['[2001:db8::7]:9464', '::'],
  ])('%s is taken by a listener on %s', (host, listener) => {
    expect(judgeClient(get({ host }), { host: listener, token: undefined })).toBeUndefined();
  });

  it.each([
    ['evil.example:9464', '127.0.0.1'],
    ['127.evil.example', '127.0.0.1'],
    ['127.0.0.1.evil.example', '127.0.0.1'],
    ['localhost.evil.example', '127.0.0.1'],
    ['127.0.0.1@evil.example', '127.0.0.1'],
    ['127.1', '127.0.0.1'],
    ['10.1.2.3', '127.0.0.1'],
    ['[::2]', '::1'],
    ['evil.example', '0.0.0.0'],
    ['evil.example', '::'],
    ['evil.example', 'collector.internal'],
    ['', '127.0.0.1'],
  ])('%s is refused by a listener on %s', (host, listener) => {
    expect(judgeClient(get({ host }), { host: listener, token: undefined })).toMatchObject({
      status: 421,
      cure: expect.stringContaining('http.token'),
    });
  });

  it('is refused where it is missing, and does not matter where the token is right', () => {
    expect(judgeClient(get({}), open)).toMatchObject({ status: 421 });
    expect(judgeClient(get({ host: 'metrics.example', ...bearer }), locked)).toBeUndefined();
    expect(judgeClient(get({ host: 'localhost' }), locked)).toMatchObject({ status: 401 });
  });

  it('is not looked at for a probe', () => {
    expect(judgeRequest(get({ host: 'evil.example' }), probe, open)).toBeUndefined();
  });
});

describe('a web page', () => {
  it.each(['none', 'same-origin', 'same-site'])('of Sec-Fetch-Site %s may read', (site) => {
    expect(judgeRequest(get({ host: 'localhost', 'sec-fetch-site': site }), page, open)).toBeUndefined();
  });

  it('of another site is refused, with the token too', () => {
    expect(judgeRequest(get({ host: 'localhost', 'sec-fetch-site': 'cross-site' }), page, open)).toMatchObject({
      status: 403,
    });
    expect(judgeRequest(get({ ...bearer, 'sec-fetch-site': 'cross-site' }), page, locked)).toMatchObject({
      status: 403,
    });
    expect(judgeRequest(post({ ...json, ...bearer, 'sec-fetch-site': 'cross-site' }), action, locked)).toMatchObject({
      status: 403,
    });
  });

  it.each(['http://127.0.0.1:9464', 'null', ''])('of origin "%s" changes nothing', (origin) => {
    expect(judgeRequest(post({ ...json, origin }), action, open)).toMatchObject({ status: 403 });
  });
});

describe('a request that changes something', () => {
  it('is judged by its head: token, origin, type and declared length, in this order', () => {
    const wrong = { origin: 'https://evil.example', 'content-type': 'text/plain', 'content-length': '300000' };
    expect(judgeRequest(post(wrong), action, locked)).toMatchObject({ status: 401 });
    expect(judgeRequest(post({ ...wrong, ...bearer }), action, locked)).toMatchObject({ status: 403 });
    const { origin: _, ...typed } = wrong;
    expect(judgeRequest(post({ ...typed, ...bearer }), action, locked)).toMatchObject({ status: 415 });
    const long = { ...json, ...bearer, 'content-length': '300000' };
    expect(judgeRequest(post(long), action, locked)).toMatchObject({ status: 413 });
    expect(judgeRequest(post({ ...long, 'content-length': '4096' }), action, locked)).toBeUndefined();
    expect(judgeRequest(post({ ...long, 'content-length': '4097' }), action, locked)).toMatchObject({ status: 413 });
  });

  it('needs the token where others than this machine reach the port', () => {
    expect(judgeRequest(post(json), action, open)).toBeUndefined();
    for (const host of ['0.0.0.0', '::', '10.1.2.3', '127.evil.example'])
      expect(judgeRequest(post(json), action, { host, token: undefined })).toMatchObject({ status: 403 });
  });

  it('is asked by POST alone, and what is read by GET and HEAD', () => {
    expect(judgeRequest(get(json), action, open)).toMatchObject({ status: 405, headers: { allow: 'POST' } });
    expect(judgeRequest(post(json), page, open)).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
    expect(judgeRequest({ method: 'HEAD', headers: json }, page, open)).toBeUndefined();
  });
});

it.each([
  ['localhost', true],
  ['127.0.0.1', true],
  ['127.200.0.1', true],
  ['::1', true],
  ['127.evil.example', false],
  ['127.1', false],
  ['::', false],
  ['0.0.0.0', false],
])('an address to listen on, %s, is loopback: %s', (host, expected) => {
  expect(isLoopbackAddress(host)).toBe(expected);
});
