import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ClientOptions } from '../../../collector/jumpcloud/client.js';
import { proxyFor } from '../../../collector/jumpcloud/http/proxy-agent.js';
import { createTransport } from '../../../collector/jumpcloud/http/transport.js';
import { userAgent } from '../../../collector/version.js';
import { type Authority, createAuthority, hasOpenssl } from '../certificates.js';
import { adminKey, clientFor, collect } from '../client-under-test.js';
import { connectProxy } from '../connect-proxy.js';
import { page, scriptedServer, type TlsOptions } from '../scripted-server.js';

const host = 'api.example.test';
/** Every name is this machine. */
const lookup: ClientOptions['lookup'] = (_host, options, done) =>
  options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);

describe.skipIf(!hasOpenssl)('F-24: TLS', () => {
  let authority: Authority;
  let stranger: Authority;
  beforeAll(() => {
    authority = createAuthority('authority of the test');
    stranger = createAuthority('another authority');
  });
  afterAll(() => {
    authority.remove();
    stranger.remove();
  });

  async function reach(tls: TlsOptions, options: Partial<ClientOptions> = {}) {
    const server = await scriptedServer([page([])], tls);
    const under = clientFor(`https://${host}:${server.port}`, { lookup, caFile: authority.file, ...options });
    return { server, ...under };
  }

  it('a certificate of an authority from the CA file is trusted', async () => {
    const { client, server } = await reach(authority.issue(host));
    await collect(client);
    server.verify();
  });

  it('and one from NODE_EXTRA_CA_CERTS as well: the file adds to what is trusted, it replaces nothing', async () => {
    const env = { NODE_EXTRA_CA_CERTS: stranger.file };
    const { client, server } = await reach(stranger.issue(host), { env });
    await collect(client);
    server.verify();
  });

  it.each<[string, () => TlsOptions, string]>([
    ['an unknown authority', () => stranger.issue(host), 'signed by an authority that is not trusted here'],
    ['another host’s certificate', () => authority.issue('other.example.test'), 'is for another host'],
    ['an expired certificate', () => authority.issue(host, -1), 'has expired'],
    [
      'TLS 1.1 at most',
      () => ({ ...authority.issue(host), minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
      'TLS 1.2 or newer is required',
    ],
  ])('%s is refused with a message that says so, and no request is sent', async (_, tls, says) => {
    const { client, server, told } = await reach(tls());
    await expect(collect(client)).rejects.toMatchObject({
      code: 'TLS_REFUSED',
      transient: false,
      message: expect.stringContaining(says),
    });
    expect(server.requests).toEqual([]);
    // Not repeated: it would be the same a second later.
    expect(told.onRequest).toHaveLength(1);
  });

  it('plain HTTP behind an https address is reported as no TLS', async () => {
    const server = await scriptedServer([]);
    const { client } = clientFor(`https://${host}:${server.port}`, { lookup });
    await expect(collect(client)).rejects.toMatchObject({
      code: 'TLS_REFUSED',
      message: expect.stringContaining('does not speak TLS on this port'),
    });
  });

  it('verification stays on where the environment says NODE_TLS_REJECT_UNAUTHORIZED=0', async () => {
    const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    onTestFinished(() => {
      if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
    });
    for (const options of [{}, { caFile: undefined }]) {
      const { client, server } = await reach(stranger.issue(host), options);
      await expect(collect(client)).rejects.toMatchObject({ code: 'TLS_REFUSED' });
      expect(server.requests).toEqual([]);
    }
  });

  it('a certificate swapped in the middle of a run is refused while it is wrong, and accepted when it is right again', async () => {
    const server = await scriptedServer(page([]), authority.issue(host));
    const { client } = clientFor(`https://${host}:${server.port}`, { lookup, caFile: authority.file });
    await collect(client);
    server.swap(stranger.issue(host));
    await expect(collect(client)).rejects.toMatchObject({ code: 'TLS_REFUSED' });
    server.swap(authority.issue(host));
    await collect(client);
    expect(server.requests).toHaveLength(2);
  });

  it('TLS 1.2 is enough', async () => {
    const { client, server } = await reach({ ...authority.issue(host), maxVersion: 'TLSv1.2' });
    await collect(client);
    server.verify();
  });

  it.each<[string, string | undefined, string]>([
    ['that is not there', undefined, 'CONFIG_UNREADABLE'],
    ['without a certificate', 'not a certificate', 'CONFIG_INVALID'],
  ])('a CA file %s is refused before anything is sent', (_, content, code) => {
    const file = join(authority.file, '..', content === undefined ? 'missing.pem' : 'empty.pem');
    if (content !== undefined) writeFileSync(file, content);
    expect(() => clientFor('https://api.example.test', { caFile: file })).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(file) }),
    );
  });

  describe('F-25: HTTP proxy', () => {
    async function behind(
      behaviour: Parameters<typeof connectProxy>[0],
      user = '',
      options: Partial<ClientOptions> = {},
    ) {
      const proxy = await connectProxy(behaviour, 'user name:pass@word');
      const server = await scriptedServer(page([]), authority.issue(host));
      const env = { HTTPS_PROXY: `http://${user}${proxy.address}` };
      const base = `https://${host}:${server.port}`;
      // No lookup: the name does not exist, so that only the proxy leads there.
      const under = clientFor(base, { caFile: authority.file, env, retry: { attempts: 2 }, ...options });
      return { proxy, server, ...under };
    }

    it('leads to JumpCloud through a tunnel that is kept for the next request', async () => {
      const { client, proxy, server } = await behind('tunnel');
      await collect(client);
      await collect(client);
      expect(server.requests).toHaveLength(2);
      expect(proxy.targets).toEqual([`${host}:${server.port}`]);
      expect(proxy.userAgents).toEqual([userAgent]);
      expect(client.proxy).toBe(proxy.address);
    });

    it('gets the user name and password of HTTPS_PROXY, and never the key', async () => {
      const { client, proxy } = await behind('authenticate', 'user%20name:pass%40word@');
      await collect(client);
      expect(proxy.authorizations).toEqual([`Basic ${Buffer.from('user name:pass@word').toString('base64')}`]);
      expect(JSON.stringify(proxy)).not.toContain(adminKey);
    });

    it.each<[Parameters<typeof connectProxy>[0], string, string, number]>([
      ['authenticate', 'ERR_PROXY_AUTHENTICATION', '(407)', 1],
      ['refuse', 'ERR_PROXY_REFUSED', 'refused the tunnel (403)', 2],
      ['drop', 'ERR_PROXY_DROPPED', 'closed the connection instead of opening a tunnel', 2],
    ])('that would %s is told with its address and without its password', async (behaviour, detail, says, attempts) => {
      const { client, proxy, server } = await behind(behaviour, 'wrong:secret-word@');
      const failure: unknown = await collect(client).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'UNREACHABLE', detail, message: expect.stringContaining(says) });
      expect(failure).toMatchObject({ message: expect.stringContaining(proxy.address) });
      expect(JSON.stringify(failure)).not.toContain('secret-word');
      expect(proxy.targets).toHaveLength(attempts);
      expect(server.requests).toEqual([]);
    });

    it('that drops the tunnel after CONNECT is retried, and recovers by itself', async () => {
      const { client, proxy, server, timing } = await behind('drop-after');
      timing.duringSleep = () => {
        proxy.behaviour = 'tunnel';
      };
      await collect(client);
      expect(proxy.targets).toHaveLength(2);
      expect(server.requests).toHaveLength(1);
    });

    it('that never answers is given up in time', async () => {
      const { client } = await behind('silent', '', { deadlines: { connectMs: 200 }, retry: { attempts: 1 } });
      await expect(collect(client)).rejects.toMatchObject({
        code: 'UNREACHABLE',
        detail: 'ERR_PROXY_UNREACHABLE',
        message: expect.stringContaining('did not answer in 200 ms'),
      });
    });

    it('that is not there is reported as such', async () => {
      const { client } = clientFor(`https://${host}`, { env: { HTTPS_PROXY: '127.0.0.1:9' }, retry: { attempts: 1 } });
      await expect(collect(client)).rejects.toMatchObject({
        code: 'UNREACHABLE',
        detail: 'ERR_PROXY_UNREACHABLE',
        message: expect.stringContaining('127.0.0.1:9 cannot be reached (ECONNREFUSED)'),
      });
    });

    it('that answers with anything but a tunnel is reported as dropped or refused, never taken for JumpCloud', async () => {
      const sockets = new Set<Socket>();
      const odd = createServer((socket) => {
        sockets.add(socket);
        socket.on('data', () => socket.end('SSH-2.0-OpenSSH\r\n'));
        socket.on('error', () => {});
      });
      await new Promise<void>((resolve) => odd.listen(0, '127.0.0.1', resolve));
      onTestFinished(() => {
        for (const socket of sockets) socket.destroy();
        odd.close();
      });
      const { port } = odd.address() as { port: number };
      const { client } = clientFor(`https://${host}`, {
        env: { HTTPS_PROXY: `http://127.0.0.1:${port}` },
        retry: { attempts: 1 },
      });
      await expect(collect(client)).rejects.toMatchObject({ code: 'UNREACHABLE', detail: 'ERR_PROXY_UNREACHABLE' });
    });

    it('certificates are verified through the tunnel as well', async () => {
      const proxy = await connectProxy('tunnel');
      const server = await scriptedServer([], stranger.issue(host));
      const env = { HTTPS_PROXY: `http://${proxy.address}` };
      const { client } = clientFor(`https://${host}:${server.port}`, { caFile: authority.file, env });
      await expect(collect(client)).rejects.toMatchObject({ code: 'TLS_REFUSED' });
      expect(server.requests).toEqual([]);
    });

    it('is left out for a host in NO_PROXY', async () => {
      const proxy = await connectProxy('refuse');
      const server = await scriptedServer([page([])], authority.issue(host));
      const env = { HTTPS_PROXY: `http://${proxy.address}`, NO_PROXY: '.example.test' };
      const { client } = clientFor(`https://${host}:${server.port}`, { caFile: authority.file, env, lookup });
      await collect(client);
      expect(client.proxy).toBeUndefined();
      expect(proxy.targets).toEqual([]);
    });
  });
});

describe('what connections are made with', () => {
  const target = new URL('https://api.jumpcloud.com');

  it('is TLS 1.2 or newer and verification, whatever node’s own options allow', () => {
    const transport = createTransport({ env: {}, connectMs: 1_000 });
    onTestFinished(() => transport.close());
    expect(transport.agents(target).https.options).toMatchObject({ minVersion: 'TLSv1.2', rejectUnauthorized: true });
    expect(transport.agents(target).https.options.ca).toBeUndefined();
  });

  it('is every authority that node trusts and those of the CA file, with a proxy and without', () => {
    const folder = mkdtempSync(join(tmpdir(), 'transport-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const caFile = join(folder, 'ca.pem');
    const own = '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n';
    writeFileSync(caFile, own);
    for (const env of [{}, { HTTPS_PROXY: 'http://proxy.example.test:3128' }]) {
      const transport = createTransport({ env, caFile, connectMs: 1_000 });
      onTestFinished(() => transport.close());
      const { ca } = transport.agents(target).https.options;
      expect(ca).toEqual(expect.arrayContaining([...rootCertificates, own]));
    }
  });
});

describe('F-25: which proxy', () => {
  const target = new URL('https://api.jumpcloud.com/insights');
  const proxy = 'http://proxy.example.test:3128';

  it.each([
    ['HTTPS_PROXY', { HTTPS_PROXY: proxy }],
    ['https_proxy, which wins', { HTTPS_PROXY: 'http://other.example.test', https_proxy: proxy }],
    ['an address without http://', { HTTPS_PROXY: 'proxy.example.test:3128' }],
  ])('is that of %s', (_, env) => {
    expect(proxyFor(target, env)?.href).toBe(`${proxy}/`);
  });

  it('is none where none is set, and none for loopback', () => {
    expect(proxyFor(target, {})).toBeUndefined();
    expect(proxyFor(target, { HTTPS_PROXY: '', HTTP_PROXY: proxy })).toBeUndefined();
    for (const url of ['http://127.0.0.1:1', 'https://localhost:1', 'https://[::1]:1'])
      expect(proxyFor(new URL(url), { HTTPS_PROXY: proxy })).toBeUndefined();
  });

  it.each([
    ['*', 'https://api.jumpcloud.com', true],
    ['api.jumpcloud.com', 'https://api.jumpcloud.com', true],
    ['API.JumpCloud.com', 'https://api.jumpcloud.com', true],
    ['jumpcloud.com', 'https://api.jumpcloud.com', true],
    ['.jumpcloud.com', 'https://api.jumpcloud.com', true],
    ['*.jumpcloud.com', 'https://api.jumpcloud.com', true],
    ['cloud.com', 'https://api.jumpcloud.com', false],
    ['localhost, ,jumpcloud.com', 'https://api.jumpcloud.com', true],
    ['api.jumpcloud.com:443', 'https://api.jumpcloud.com', true],
    ['api.jumpcloud.com:8443', 'https://api.jumpcloud.com', false],
    ['api.jumpcloud.com:8443', 'https://api.jumpcloud.com:8443', true],
    ['192.0.2.0/24', 'https://192.0.2.7', true],
    ['192.0.2.7', 'https://192.0.2.7', true],
    ['192.0.2.0/24', 'https://198.51.100.7', false],
    ['192.0.2.0/99', 'https://192.0.2.7', false],
    ['2001:db8::/32', 'https://[2001:db8::7]', true],
    ['[2001:db8::7]:443', 'https://[2001:db8::7]', true],
    ['2001:db8::/32', 'https://192.0.2.7', false],
    ['2.7', 'https://192.0.2.7', false],
  ])('NO_PROXY %s exempts %s: %s', (rules, url, exempt) => {
    expect(proxyFor(new URL(url), { HTTPS_PROXY: proxy, NO_PROXY: rules }) === undefined).toBe(exempt);
  });

  it.each(['socks5://proxy.example.test', 'http://', 'http://user:secret-word@:x'])(
    '%j is refused without being quoted',
    (text) => {
      const refuse = () => proxyFor(target, { HTTPS_PROXY: text });
      expect(refuse).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
      expect(refuse).not.toThrow(/secret-word/);
    },
  );
});
