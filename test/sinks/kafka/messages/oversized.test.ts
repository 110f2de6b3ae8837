import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  cutText,
  deadLetterTexts,
  refusedEvent,
  withoutRawData,
} from '../../../../collector/sinks/kafka/messages/oversized.js';
import { sha256 } from '../../../../mappings/record.js';
import { deadLetterOf, eventOf } from '../../../kafka/batches.js';

it('raw_data goes, metadata says how large the event was, and every other byte stays as it was written', () => {
  const lead = '{"class_uid":3002,"lat":38.0,"long":-7.50,';
  const metadata = '"metadata":{"uid":"u","nested":{"raw_data":"kept"}}';
  for (const [given, wanted] of [
    [`${lead}"raw_data":"x\\"}{,",${metadata}}`, `${lead}METADATA}`],
    [`${lead}${metadata},"raw_data":"x"}`, `${lead}METADATA}`],
    [`{"raw_data":"x",${metadata}}`, '{METADATA}'],
    [
      `{ "raw_data" : "x" , ${metadata} , "z" : [1, {"raw_data":"kept"}] }`,
      '{ METADATA , "z" : [1, {"raw_data":"kept"}] }',
    ],
  ] as const) {
    const marked = '"metadata":{"is_truncated":true,"untruncated_size":1,"uid":"u","nested":{"raw_data":"kept"}}';
    expect(withoutRawData(given)).toBe(wanted.replace('METADATA', marked));
  }
});

it('an event without raw_data, or without metadata, is left alone', () => {
  expect(withoutRawData('{"metadata":{"uid":"raw_data"}}')).toBeUndefined();
  expect(withoutRawData('{"raw_data":"x"}')).toBeUndefined();
  expect(withoutRawData('{}')).toBeUndefined();
});

it('whatever the event holds, the result is the same event without raw_data and with the marks', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.string(),
      (event, metadata, raw) => {
        delete metadata.is_truncated;
        delete metadata.untruncated_size;
        const text = JSON.stringify({ ...event, metadata, raw_data: raw });
        const { raw_data: _, ...rest } = JSON.parse(text);
        const size = Math.ceil(Buffer.byteLength(text) / 1024);
        const wanted = { ...rest, metadata: { is_truncated: true, untruncated_size: size, ...rest.metadata } };
        expect(JSON.parse(withoutRawData(text) ?? '')).toEqual(wanted);
      },
    ),
  );
});

it('a dead letter in parts keeps within the room, and its parts make the whole again', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 3_000 }),
      fc.integer({ min: 1_200, max: 2_500 }),
      (raw, room) => {
        const letter = deadLetterOf(1, raw);
        const texts = deadLetterTexts(letter, room);
        for (const text of texts) expect(Buffer.byteLength(text)).toBeLessThanOrEqual(room);
        const parts = texts.map((text) => JSON.parse(text));
        expect(parts.map(({ raw: part }) => part).join('')).toBe(raw);
        if (parts.length > 1) {
          expect(parts.map(({ part, parts: all }) => [part, all])).toEqual(parts.map((_, i) => [i + 1, parts.length]));
        }
      },
    ),
  );
});

it('a dead letter whose parts would mostly repeat its other members is one text, with the beginning of raw', () => {
  const letter = deadLetterOf(1, 'é"'.repeat(2_000));
  const frame = Buffer.byteLength(JSON.stringify({ ...letter, raw: '' }));
  for (const room of [frame + 200, 2 * frame - 1]) {
    const texts = deadLetterTexts(letter, room);
    expect(texts).toHaveLength(1);
    expect(Buffer.byteLength(texts[0]!)).toBeLessThanOrEqual(room);
    const { raw, ...rest } = JSON.parse(texts[0]!);
    expect(raw).not.toBe('');
    expect(letter.raw.startsWith(raw)).toBe(true);
    expect({ ...rest, raw: letter.raw }).toEqual(letter);
  }
});

it('a text is cut between characters, never inside one', () => {
  expect(cutText('aя😀b', 4)).toEqual(['aя', '😀', 'b']);
  expect(cutText('', 4)).toEqual(['']);
  expect(cutText('😀', 1)).toEqual(['😀']);
});

it('the dead letter of a refused event holds the record, its identity and why', () => {
  const event = eventOf(7, { raw: '{"id":"record-7"}', message: 'long' });
  expect(refusedEvent(event, 'ocsf.authentication', 2_000_000, 1_000_000)).toMatchObject({
    uid: event.uid,
    reason: 'refused_by_sink',
    message: 'The event has 2000000 bytes without raw_data; topic ocsf.authentication takes 1000000.',
    event_type: 'user_login_attempt',
    record_id: 'record-7',
    raw: '{"id":"record-7"}',
    raw_size: 17,
    raw_sha256: sha256('{"id":"record-7"}'),
  });
  expect(refusedEvent(eventOf(7), 't', 1, 1).raw).toBe(eventOf(7).text);
});
