import { describe, expect, it } from 'vitest';
import { digestOf, judgeCredential, type WebhookAuthentication } from '../../collector/webhook/judge-credential.js';

const secret = 'the-secret-of-the-channel';
const known = { accepted: [digestOf(secret)], retired: [digestOf('one-that-was-replaced')] };
const token: WebhookAuthentication = { kind: 'token', user: 'jumpcloud', header: 'x-webhook-token' };
const basic: WebhookAuthentication = { ...token, kind: 'basic' };
const header: WebhookAuthentication = { ...token, kind: 'header' };
const basicOf = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

describe('the credential of a webhook request', () => {
  it('W3: is let in as Bearer or raw token, as Basic or in a header of choice, each only where that is configured', () => {
    const ways = {
      bearer: { authorization: [`Bearer ${secret}`] },
      raw: { authorization: [secret] },
      basic: { authorization: [basicOf('jumpcloud', secret)] },
      header: { 'x-webhook-token': [secret] },
    };
    const lets = (how: WebhookAuthentication) =>
      Object.entries(ways).flatMap(([name, headers]) =>
        judgeCredential(headers, how, known) === undefined ? [name] : [],
      );
    expect(lets(token)).toEqual(['bearer', 'raw']);
    expect(lets(basic)).toEqual(['basic']);
    expect(lets(header)).toEqual(['header']);
  });

  it.each([
    ['no_header', token, {}],
    ['no_header', header, { authorization: [secret] }],
    ['repeated_header', token, { authorization: [secret, secret] }],
    ['basic_instead_of_token', token, { authorization: [basicOf('jumpcloud', secret)] }],
    ['token_instead_of_basic', basic, { authorization: [`Bearer ${secret}`] }],
    ['white_space_inside', token, { authorization: [`Bearer the-secret of-the-channel`] }],
    ['old_secret', token, { authorization: ['Bearer one-that-was-replaced'] }],
    ['wrong_secret', token, { authorization: ['Bearer another'] }],
    ['wrong_secret', basic, { authorization: [basicOf('somebody', secret)] }],
    ['wrong_secret', basic, { authorization: ['Basic !!!'] }],
  ] as const)('W2: is refused with the reason %s', (reason, how, headers) => {
    expect(judgeCredential(headers, how, known)).toBe(reason);
  });

  it('is refused while no secret is known', () => {
    expect(judgeCredential({ authorization: [secret] }, token, { accepted: [], retired: [] })).toBe('wrong_secret');
  });
});
