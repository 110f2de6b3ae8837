import { PassThrough } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { CollectorError } from '../../collector/errors.js';
import { createLog, type LogOptions } from '../../collector/log/logger.js';
import { Redactor } from '../../collector/log/redactor.js';

/** A log into memory, with a clock that the test turns. */
function listen(options: Partial<LogOptions> & { tty?: boolean } = {}) {
  const stream = Object.assign(new PassThrough(), { isTTY: options.tty ?? false });
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const clock = { now: Date.parse('2026-11-21T03:14:15.926Z'), off: 0 };
  const clocks = { now: () => clock.now + clock.off, monotonic: () => clock.now };
  const log = createLog({ level: 'info', format: 'auto', stream, ...clocks, ...options });
  const text = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return Buffer.concat(chunks).toString();
  };
  const lines = async () =>
    (await text())
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { log, text, lines, clock };
}

const unreachable = new CollectorError('UNREACHABLE', 'api.jumpcloud.com cannot be reached', {
  cure: 'Check the network.',
  transient: true,
  detail: 'ECONNREFUSED',
});

describe('a line of the log', () => {
  it('below the level is not formatted, nor searched for secrets', async () => {
    const redactor = new Redactor();
    const looked = vi.spyOn(redactor, 'mask');
    const { log, text } = listen({ redactor });
    log.debug('searching', { services: ['sso'] });
    expect(await text()).toBe('');
    expect(looked).not.toHaveBeenCalled();
    log.level = 'debug';
    log.debug('searching', { services: ['sso'] });
    expect(await text()).toContain('searching');
    expect(looked).toHaveBeenCalled();
  });

  it('is JSON off a terminal, beginning with level, time, msg, feed, lane, requestId, code and cure', async () => {
    const { log, text, lines } = listen();
    const lane = log.child({ feed: 'acme' }).child({ lane: 'live' });
    lane.failure(unreachable, { requestId: 'r-1', service: 'sso' });
    const [line] = await lines();
    expect(line).toEqual({
      level: 'error',
      time: '2026-11-21T03:14:15.926Z',
      msg: 'api.jumpcloud.com cannot be reached',
      feed: 'acme',
      lane: 'live',
      requestId: 'r-1',
      code: 'UNREACHABLE',
      cure: 'Check the network.',
      service: 'sso',
      detail: 'ECONNREFUSED',
    });
    expect(Object.keys(line!).slice(0, 8)).toEqual([
      'level',
      'time',
      'msg',
      'feed',
      'lane',
      'requestId',
      'code',
      'cure',
    ]);
    expect((await text()).endsWith('\n')).toBe(true);
  });

  it('is readable and coloured on a terminal, with the cure below', async () => {
    const { log, text } = listen({ tty: true });
    log.child({ feed: 'acme', lane: 'live' }).failure(unreachable);
    const printed = await text();
    expect(printed).toContain('\u001b[31mERROR\u001b[0m');
    expect(printed).toContain('\u001b[1macme/live\u001b[0m');
    expect(printed.split('\n')[1]).toMatch(/^ +.*→.* Check the network\.$/);
  });

  it.each([
    ['NO_COLOR is set', { tty: true, noColor: '1' }],
    ['the format is text off a terminal', { format: 'text' as const }],
  ])('has no colours where %s', async (_, options) => {
    const { log, text } = listen(options);
    log.info('collecting', { feed: 'acme', services: ['sso', 'directory'] });
    expect(await text()).toBe('03:14:15 INFO  acme collecting services=["sso","directory"]\n');
  });

  it('is JSON on a terminal where the format says so', async () => {
    const { log, lines } = listen({ tty: true, format: 'json' });
    log.warn('clock differs');
    expect((await lines())[0]).toMatchObject({ level: 'warn', msg: 'clock differs' });
  });

  it('cannot be forged or coloured by what a record holds', async () => {
    const { log, text } = listen({ tty: true, noColor: '1' });
    log.info('user \u001b[31mroot\u001b[0m\nERROR forged \u202e', { name: 'a\rb\u2028c' });
    const printed = await text();
    expect(printed.split('\n')).toHaveLength(2);
    for (const character of ['\u001b', '\r', '\u2028', '\u202e']) expect(printed).not.toContain(character);
  });

  it('as JSON has nothing but escapes for what steers a terminal or turns text around', async () => {
    const { log, text } = listen();
    const hostile = '\u001b[2J\u009b31m\u202e\u200b\u2028';
    log.info(hostile, { [hostile]: hostile });
    const printed = (await text()).trimEnd();
    expect(printed).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u);
    expect(JSON.parse(printed)).toMatchObject({ msg: hostile, [hostile]: hostile });
  });

  it('keeps level, time and msg its own whatever the fields are called', async () => {
    const { log, lines } = listen();
    log.info('true', {
      level: 'error',
      time: 'never',
      msg: 'false',
      nested: { __proto__: null, deep: [1n, new Map([['a', 1]])] },
    });
    expect((await lines())[0]).toMatchObject({ level: 'info', msg: 'true', nested: { deep: ['1', [['a', 1]]] } });
  });

  it('ends for values without end', async () => {
    const { log, lines } = listen();
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    log.info('x'.repeat(1_000_000), { circle, list: Array.from({ length: 1000 }, (_, index) => index) });
    const [line] = await lines();
    expect(JSON.stringify(line).length).toBeLessThan(20_000);
  });

  it('carries the stack of a defect and the causes of a failure', async () => {
    const { log, lines } = listen();
    log.failure(new TypeError('x is not a function'));
    log.failure(
      new CollectorError('STORAGE_FAILED', 'cannot write', {
        cure: 'Free space.',
        cause: new Error('ENOSPC', { cause: new Error('disk') }),
      }),
    );
    const [defect, failure] = await lines();
    expect(defect).toMatchObject({ code: 'INTERNAL', msg: 'x is not a function' });
    expect(defect!.stack).toContain('logger.test.ts');
    expect(failure).toMatchObject({ code: 'STORAGE_FAILED', cause: 'ENOSPC: disk' });
    expect(failure).not.toHaveProperty('stack');
  });
});

describe('the level', () => {
  it('can be changed while the process runs, for children made before', async () => {
    const { log, lines } = listen();
    const child = log.child({ feed: 'acme' });
    child.debug('one');
    log.level = 'trace';
    child.trace('two');
    log.level = 'error';
    child.warn('three');
    child.error('four');
    expect((await lines()).map((line) => line.msg)).toEqual(['two', 'four']);
    expect(log.level).toBe('error');
  });
});

/** The text, and everything in it that is base64, hexadecimal or percent-encoded, decoded. */
function decodings(text: string): string[] {
  const runs = text.match(/[A-Za-z0-9+/_-]{6,}/g) ?? [];
  return [
    text,
    decodeURIComponent(text.replace(/%(?![0-9a-fA-F]{2})/g, '%25')),
    ...runs.flatMap((run) => [0, 1, 2, 3].map((offset) => Buffer.from(run.slice(offset), 'base64').toString('latin1'))),
    ...runs.map((run) => Buffer.from(run, 'hex').toString('latin1')),
  ];
}

describe('a secret', () => {
  const secret = 'p&ss "wörd"/with+every=thing\\';
  const forms: [string, string][] = [
    ['as it is', secret],
    ['in base64', Buffer.from(secret).toString('base64')],
    ['in base64url', Buffer.from(secret).toString('base64url')],
    ['behind a user name of one letter in base64', Buffer.from(`a:${secret}`).toString('base64')],
    ['behind a user name of two letters in base64', Buffer.from(`ab:${secret}`).toString('base64')],
    ['between others in base64', Buffer.from(`abc:${secret}:more`).toString('base64')],
    ['in hexadecimal', Buffer.from(secret).toString('hex')],
    ['in a URL', `https://h.example.com/?k=${encodeURIComponent(secret)}`],
    ['in a form', new URLSearchParams({ client_secret: secret }).toString()],
    ['in JSON', JSON.stringify({ secret })],
  ];

  it.each(forms)('is masked %s, in message, name, field, list and error stack', async (_, form) => {
    for (const format of ['json', 'text'] as const) {
      const { log, text } = listen({ format, level: 'trace' });
      log.redact(secret);
      log.info(`the key ${form} was refused`);
      log.trace('field', { header: form, list: [{ deep: form }], [form]: 1 });
      log.failure(new Error(`cannot ${form}`, { cause: new Error(form) }));
      log.error('an error in a field', { error: new Error(form) });
      const printed = await text();
      expect(printed).not.toContain(form);
      for (const decoded of decodings(printed)) expect(decoded).not.toMatch(/ss "w|with\+every|thing/);
      expect(printed.match(/\[secret\]/g)!.length).toBeGreaterThanOrEqual(6);
    }
  });

  it('is masked by its shape where nobody registered it', async () => {
    const { log, text } = listen();
    const key = `jca_${'Ab1'.repeat(12)}`;
    log.info(`x-api-key: ${key}`, { authorization: `Bearer ${'t0k3n.'.repeat(4)}` });
    expect(await text()).not.toMatch(/Ab1|t0k3n/);
  });

  it('stays masked after another one was registered', async () => {
    const { log, text } = listen();
    log.redact('old-key');
    log.redact('old-key-and-more');
    log.info('old-key-and-more old-key new');
    expect(await text()).toContain('"msg":"[secret] [secret] new"');
  });

  it('of several lines is masked line by line', async () => {
    const { log, text } = listen();
    const body = 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASC';
    log.redact(`-----BEGIN PRIVATE KEY-----\n${body}\nshort\n-----END PRIVATE KEY-----`);
    log.info(`broken: ${body}`);
    expect(await text()).not.toContain(body);
  });
});

describe('a failure that repeats', () => {
  it('is printed first at once, then summed up every ten minutes, and its end is logged', async () => {
    const { log, lines, clock } = listen();
    const lane = log.child({ feed: 'acme', lane: 'live' });
    for (let minute = 0; minute <= 25; minute++) {
      lane.failing('source', unreachable);
      clock.now += 60_000;
    }
    lane.recovered('source');
    lane.recovered('source');
    expect((await lines()).map((line) => [line.level, line.msg, line.times])).toEqual([
      ['warn', 'api.jumpcloud.com cannot be reached', undefined],
      ['warn', 'api.jumpcloud.com cannot be reached (11 times in 10 min)', 11],
      ['warn', 'api.jumpcloud.com cannot be reached (21 times in 20 min)', 21],
      ['info', 'works again after 26 failures in 26 min', 26],
    ]);
  });

  it('is summed up also after the clock went back by a year', async () => {
    const { log, lines, clock } = listen();
    log.failing('source', unreachable);
    clock.off -= 365 * 86_400_000;
    clock.now += 600_000;
    log.failing('source', unreachable);
    expect((await lines()).at(-1)).toMatchObject({ msg: 'api.jumpcloud.com cannot be reached (2 times in 10 min)' });
  });

  it('is printed at once when it becomes another, with what it was before', async () => {
    const { log, lines } = listen();
    log.failing('source', unreachable);
    log.failing('source', unreachable);
    log.failing(
      'source',
      new CollectorError('CREDENTIAL_REFUSED', 'JumpCloud refuses the key', { cure: 'Replace it.' }),
    );
    expect(await lines()).toMatchObject([
      { code: 'UNREACHABLE' },
      { level: 'error', code: 'CREDENTIAL_REFUSED', before: 'UNREACHABLE', beforeTimes: 2 },
    ]);
  });

  it('of one feed, lane or part does not keep back that of another', async () => {
    const { log, lines } = listen();
    for (const feed of ['acme', 'globex'])
      for (const lane of ['live', 'backfill/a_b'])
        for (const part of ['source', 'sink']) log.child({ feed, lane }).failing(part, unreachable);
    expect(await lines()).toHaveLength(8);
  });

  it('is kept in bounded memory however many scopes fail', async () => {
    const { log, lines } = listen();
    for (let scope = 0; scope < 1500; scope++) log.failing(String(scope), unreachable);
    log.failing('1499', unreachable);
    expect(await lines()).toHaveLength(1500);
  });
});

describe('a stream', () => {
  it('that breaks does not break the process', async () => {
    const { log } = listen();
    const broken = new PassThrough();
    const other = createLog({ level: 'info', format: 'json', stream: broken });
    broken.destroy(Object.assign(new Error('gone'), { code: 'EPIPE' }));
    other.info('into the void');
    await new Promise((resolve) => setImmediate(resolve));
    log.info('still here');
  });

  it('has all lines once the log is closed', async () => {
    const { log, lines } = listen();
    for (let line = 0; line < 500; line++) log.info(`line ${line}`);
    await log.close();
    expect(await lines()).toHaveLength(500);
  });
});
