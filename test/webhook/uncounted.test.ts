import { describe, expect, it } from 'vitest';
import { deliver, type IncomingBody } from '../../collector/webhook/deliver.js';
import { readBody } from '../../collector/webhook/read-body.js';
import type { JsonValue } from '../../mappings/json.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';

const ORGANIZATION = '5f0000000000000000000001';
const settings = {
  mapping: { rawData: false, mapper: { name: 'jumpcloud-ocsf', version: '0.1.0' }, target: ocsfTarget },
  classes: undefined,
};

/** A lane that remembers, over commits. */
function lane() {
  const known = new Set<bigint>();
  return (...bodies: IncomingBody[]) => {
    const made = deliver(bodies, ORGANIZATION, (hash) => known.has(hash), settings);
    for (const hash of made.remember) known.add(hash);
    return made.events.map(
      ({ text }) => JSON.parse(text) as { count?: number; time: number; metadata: { uid: string } },
    );
  };
}

const body = (value: object, source: IncomingBody['source']): IncomingBody => ({
  ...readBody(Buffer.from(JSON.stringify(value))),
  source,
  receivedAt: Date.parse('2026-11-28T09:10:00Z'),
  headers: {},
});
const pushed = (minute: number, more: object = {}) =>
  body(
    { data: { alert_id: 'a1', alert_title: 'Lockouts', occurred_at: `2026-11-28T09:0${minute}:00Z`, ...more } },
    'webhook',
  );
const listed = (minute: number, count: number) =>
  body(
    {
      objectId: 'a1',
      title: 'Lockouts',
      status: 'ALERT_STATUS_OPEN',
      occurrencesCount: count,
      lastOccurredAt: `2026-11-28T09:0${minute}:00.000Z`,
    },
    'alerts',
  );

describe('a pushed notice that counts no occurrence', () => {
  it('W6: is one finding with the counted one of its time, whichever comes first', () => {
    const pushFirst = lane();
    expect(pushFirst(pushed(3))).toHaveLength(1);
    expect(pushFirst(listed(3, 4))).toHaveLength(0);
    const listFirst = lane();
    expect(listFirst(listed(3, 4))).toHaveLength(1);
    expect(listFirst(pushed(3))).toHaveLength(0);
  });

  it('is not another occurrence of its alert, and holds no count that was not sent', () => {
    const deliveredBy = lane();
    const [first] = deliveredBy(pushed(3));
    expect(first!.count).toBeUndefined();
    expect(deliveredBy(pushed(5), pushed(5))).toHaveLength(1);
    expect(deliveredBy(listed(1, 1), listed(2, 2), listed(3, 3), listed(5, 4)).map(({ count }) => count)).toEqual([
      1, 2,
    ]);
  });

  it('two that are counted are two, though they bear one time', () => {
    const deliveredBy = lane();
    expect(deliveredBy(listed(3, 1), listed(3, 2)).map(({ count }) => count)).toEqual([1, 2]);
  });

  it('of another status is another notice, and one without a time is the first occurrence', () => {
    const deliveredBy = lane();
    expect(deliveredBy(pushed(3), pushed(3, { alert_status: 'RESOLVED' }))).toHaveLength(2);
    expect(deliveredBy(body({ data: { alert_id: 'a2' } }, 'webhook'))).toHaveLength(1);
    expect(deliveredBy(body({ data: { alert_id: 'a2', occurrence: 1 } }, 'webhook'))).toHaveLength(0);
  });
});

it('the record inside a notice keeps the digits of its numbers', () => {
  const text = '{"data":{"alert_id":"a1","di_event":{"id":"r1","size":12345678901234567890}}}';
  const { events } = deliver(
    [{ ...body({}, 'webhook'), ...readBody(Buffer.from(text)) }],
    ORGANIZATION,
    () => false,
    settings,
  );
  expect(events[0]?.text).toContain('"size":12345678901234567890');
});

it.each([true, [3], {}, { toString: 1 }, null] as JsonValue[])(
  'an occurrence that is %j counts nothing',
  (occurrence) => {
    const { events } = deliver([pushed(0, { occurrence })], ORGANIZATION, () => false, settings);
    expect(JSON.parse(events[0]!.text)).not.toHaveProperty('count');
  },
);
