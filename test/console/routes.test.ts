import { describe, expect, it } from 'vitest';
import type { Applied, Problem } from '../../collector/console/answers.js';
import {
  type Answers,
  API,
  type OperationId,
  PROOF_HEADER,
  ROUTES,
  type Route,
} from '../../collector/console/routes.js';
import { type FeedState, STATES, type StateCode, stateSentence } from '../../collector/console/state-words.js';

const routes = Object.entries<Route>(ROUTES);

describe('the table of routes', () => {
  it('has one operation per method and path', () => {
    const places = routes.map(([, { method, path }]) => `${method} ${API}${path}`);
    expect(new Set(places).size).toBe(places.length);
  });

  it('gives each operation an answer', () => {
    // Checked by the compiler: an operation without an answer, or an answer without an operation, is an error.
    type Missing = Exclude<OperationId, keyof Answers> | Exclude<keyof Answers, OperationId>;
    const missing: readonly Missing[] = [];
    const applied: Applied = 'live';
    const status: Problem['status'] = 412;
    expect([missing, applied, status]).toEqual([[], 'live', 412]);
  });

  it('gives a body to each POST and PUT, and to nothing else', () => {
    for (const [id, { method, body }] of routes)
      expect([id, body !== undefined]).toEqual([id, method === 'POST' || method === 'PUT']);
  });

  it('lets nobody in without a credential but to log in, and names the header of the proof in lower case', () => {
    expect(routes.filter(([, { role }]) => role === 'none').map(([id]) => id)).toEqual(['login']);
    expect(PROOF_HEADER).toBe(PROOF_HEADER.toLowerCase());
  });
});

describe('the words for states', () => {
  const print = { instant: (text: string) => text.slice(11, 16), span: (seconds: number) => `${seconds / 3600} h` };
  const sentence = (state: Omit<FeedState, 'tone'>) =>
    stateSentence({ ...state, tone: STATES[state.code].tone }, print);

  it('read as they are', () => {
    expect(sentence({ code: 'missing', missing: 12 })).toBe('Incomplete: 12 records missing');
    expect(sentence({ code: 'connected' })).toBe('Connected');
    expect(sentence({ code: 'silent', silentSeconds: 93_600, silenceLimitSeconds: 86_400 })).toBe(
      'Connected, silent: no new record for 26 h, limit 24 h',
    );
    expect(sentence({ code: 'failing', reason: '401 key refused', nextTry: '2026-11-28T14:37:00Z' })).toBe(
      'Not reading: 401 key refused, next try 14:37',
    );
    expect(sentence({ code: 'paused', by: 'ana', since: '2026-11-28T14:37:00Z', reason: 'maintenance' })).toBe(
      'Paused: by ana, since 14:37, maintenance',
    );
    expect(sentence({ code: 'failing', reason: '401 key refused', missing: 12 })).toBe(
      'Not reading: 401 key refused; incomplete: 12 records missing',
    );
    expect(sentence({ code: 'paused', by: 'ana', missing: 1 })).toBe('Paused: by ana; incomplete: 1 record missing');
    expect(sentence({ code: 'setup', by: 'ben' })).toBe('Setup incomplete: waiting for a key from ben');
  });

  it('are a sentence without loose ends where nothing else is known', () => {
    for (const code of Object.keys(STATES) as StateCode[])
      expect(sentence({ code })).toMatch(/^[A-Z][A-Za-z …,]*(: .*[a-z])?$/);
  });
});
