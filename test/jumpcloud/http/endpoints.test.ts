import { describe, expect, it } from 'vitest';
import { isLoopback, resolveEndpoints } from '../../../collector/jumpcloud/http/endpoints.js';

const path = '/insights/directory/v1';

describe('endpoints of a region', () => {
  it.each([
    [
      'us',
      'https://api.jumpcloud.com',
      'https://console.jumpcloud.com',
      'https://admin-oauth.id.jumpcloud.com/oauth2/token',
    ],
    [
      'eu',
      'https://api.eu.jumpcloud.com',
      'https://console.eu.jumpcloud.com',
      'https://admin-oauth.id.eu.jumpcloud.com/oauth2/token',
    ],
    [
      'in',
      'https://api.in.jumpcloud.com',
      'https://console.in.jumpcloud.com',
      'https://admin-oauth.id.in.jumpcloud.com/oauth2/token',
    ],
  ])('%s: the same by name, by base URL and by both', (region, api, consoleUrl, tokenUrl) => {
    const expected = { region, baseUrl: api + path, consoleUrl, tokenUrl };
    expect(resolveEndpoints({ region })).toEqual(expected);
    expect(resolveEndpoints({ region: region.toUpperCase() })).toEqual(expected);
    expect(resolveEndpoints({ baseUrl: `${api}${path}/` })).toEqual(expected);
    expect(resolveEndpoints({ region, baseUrl: api + path, consoleUrl: `${consoleUrl}/` })).toEqual(expected);
  });

  it('are the US ones where nothing is said', () => {
    expect(resolveEndpoints({})).toEqual(resolveEndpoints({ region: 'us' }));
  });

  it('of a name against a base URL of another region are refused', () => {
    expect(() => resolveEndpoints({ region: 'eu', baseUrl: `https://api.jumpcloud.com${path}` })).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: 'region eu contradicts the base URL, which is that of region us',
        cure: expect.stringContaining('Set jumpcloud.region to us'),
      }),
    );
  });

  it('of an unknown region are refused with the known ones', () => {
    expect(() => resolveEndpoints({ region: 'ap' })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', cure: expect.stringContaining('us, eu, in') }),
    );
  });
});

describe('a wrong base URL is named with its correction', () => {
  it.each([
    ['https://console.jumpcloud.com', `https://api.jumpcloud.com${path}`],
    [`https://console.eu.jumpcloud.com${path}`, `https://api.eu.jumpcloud.com${path}`],
    ['https://api.jumpcloud.com', `https://api.jumpcloud.com${path}`],
    ['https://api.in.jumpcloud.com/insights/directory', `https://api.in.jumpcloud.com${path}`],
    [`https://api.jumpcloud.com${path}/events`, `https://api.jumpcloud.com${path}`],
    ['https://events.jumpcloud.com/events', `https://api.jumpcloud.com${path}`],
    ['https://jumpcloud.com', `https://api.jumpcloud.com${path}`],
    ['https://admin-oauth.id.eu.jumpcloud.com', `https://api.eu.jumpcloud.com${path}`],
    ['http://127.0.0.1:8080', `http://127.0.0.1:8080${path}`],
    ['https://gateway.example.test/jumpcloud/', `https://gateway.example.test/jumpcloud${path}`],
    [
      'https://gateway.example.test/jumpcloud/insights/directory/v1/events',
      `https://gateway.example.test/jumpcloud${path}`,
    ],
  ])('%s', (baseUrl, correction) => {
    expect(() => resolveEndpoints({ baseUrl })).toThrow(
      expect.objectContaining({ code: 'BASE_URL_WRONG', cure: `Set jumpcloud.baseUrl to ${correction}.` }),
    );
    expect(resolveEndpoints({ baseUrl: correction }).baseUrl).toBe(correction);
  });

  it.each([
    ['over plain http', `http://api.jumpcloud.com${path}`],
    ['over another protocol', `ftp://api.jumpcloud.com${path}`],
    ['with a password', `https://user:secret-word@api.jumpcloud.com${path}`],
    ['with a query', `https://api.jumpcloud.com${path}?key=secret-word`],
    ['that is none', 'api.jumpcloud.com secret-word'],
  ])('an address %s is refused without being quoted whole', (_, baseUrl) => {
    expect(() => resolveEndpoints({ baseUrl })).toThrow(expect.objectContaining({ code: 'BASE_URL_WRONG' }));
    expect(() => resolveEndpoints({ baseUrl })).not.toThrow(/secret-word/);
  });
});

describe('the credential goes nowhere else', () => {
  it('a console or token address of another host is refused', () => {
    for (const key of ['consoleUrl', 'tokenUrl'] as const) {
      for (const address of ['https://evil.example.test', 'https://console.eu.jumpcloud.com', 'http://127.0.0.1:80'])
        expect(() => resolveEndpoints({ region: 'us', [key]: address })).toThrow(
          expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(key) }),
        );
    }
  });

  it('a gateway has no console and no token endpoint unless the region is named', () => {
    const baseUrl = `https://gateway.example.test${path}`;
    expect(resolveEndpoints({ baseUrl })).toEqual({
      region: undefined,
      baseUrl,
      consoleUrl: undefined,
      tokenUrl: undefined,
    });
    expect(() => resolveEndpoints({ baseUrl, consoleUrl: 'https://gateway.example.test' })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', cure: 'Set jumpcloud.region.' }),
    );
    expect(resolveEndpoints({ baseUrl, region: 'eu' })).toMatchObject({
      consoleUrl: 'https://console.eu.jumpcloud.com',
    });
  });

  it('a loopback base stays on loopback, whatever region is named', () => {
    const baseUrl = `http://127.0.0.1:9000${path}`;
    expect(resolveEndpoints({ baseUrl, region: 'eu' })).toEqual({
      region: 'eu',
      baseUrl,
      consoleUrl: 'http://127.0.0.1:9000',
      tokenUrl: 'http://127.0.0.1:9000/oauth2/token',
    });
    expect(() => resolveEndpoints({ baseUrl, consoleUrl: 'https://console.jumpcloud.com' })).toThrow(
      /does not go there/,
    );
    expect(resolveEndpoints({ baseUrl, consoleUrl: 'http://localhost:9001' }).consoleUrl).toBe('http://localhost:9001');
  });

  it('loopback is this machine alone', () => {
    for (const name of ['localhost', '127.0.0.1', '127.9.9.9', '[::1]']) expect(isLoopback(name)).toBe(true);
    for (const name of ['127.example.test', 'localhost.example.test', '10.0.0.1', '[::2]', '0.0.0.0'])
      expect(isLoopback(name)).toBe(false);
  });
});
