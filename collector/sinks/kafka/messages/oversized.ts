import { type DeadLetter, withShortMembers } from '../../../../mappings/dead-letter.js';
import type { NormalisedEvent } from '../../../../mappings/event.js';
import { isObject, type JsonObject, type JsonValue } from '../../../../mappings/json.js';
import { sha256 } from '../../../../mappings/record.js';

/** A member of a JSON object in its text: `"key":value`, from the key's quote to the value's end. */
interface Member {
  readonly key: string;
  readonly start: number;
  readonly valueStart: number;
  readonly end: number;
}

/**
 * The event's text without `raw_data`, and with `metadata.is_truncated` and `untruncated_size` (kilobytes, rounded up) that
 * say so (OCSF 1.6 on). `raw_data_size` and `raw_data_hash` stay: they tell of what is missing. The rest of the text is
 * not rewritten, since numbers would lose their `.0`. Undefined where there is no `raw_data`.
 */
export function withoutRawData(text: string): string | undefined {
  const members = membersOf(text, text.indexOf('{'));
  const raw = members.findIndex(({ key }) => key === 'raw_data');
  const metadata = members.find(({ key }) => key === 'metadata');
  if (raw < 0 || metadata === undefined || text[metadata.valueStart] !== '{') return undefined;
  const kilobytes = Math.ceil(Buffer.byteLength(text) / 1024);
  const cut = span(members, raw);
  const mark = { at: metadata.valueStart + 1, text: truncationMark(text, metadata, kilobytes) };
  return mark.at < cut.start
    ? text.slice(0, mark.at) + mark.text + text.slice(mark.at, cut.start) + text.slice(cut.end)
    : text.slice(0, cut.start) + text.slice(cut.end, mark.at) + mark.text + text.slice(mark.at);
}

function truncationMark(text: string, metadata: Member, kilobytes: number): string {
  const members = membersOf(text, metadata.valueStart);
  if (members.some(({ key }) => key === 'is_truncated' || key === 'untruncated_size')) return '';
  return `"is_truncated":true,"untruncated_size":${kilobytes}${members.length > 0 ? ',' : ''}`;
}

/** The text of one member with the comma that its removal leaves over. */
function span(members: readonly Member[], index: number): { start: number; end: number } {
  const member = members[index];
  const next = members[index + 1];
  const before = members[index - 1];
  if (member === undefined) throw new RangeError('no such member');
  if (next !== undefined) return { start: member.start, end: next.start };
  return { start: before?.end ?? member.start, end: member.end };
}

/** Members of the object that opens at `open`, in order. Expects valid JSON: events are serialised by this program. */
function membersOf(text: string, open: number): Member[] {
  const members: Member[] = [];
  let at = open + 1;
  for (;;) {
    while (/[\s,]/.test(text[at] ?? '')) at++;
    if (text[at] !== '"') return members;
    const start = at;
    const keyEnd = endOfString(text, at);
    let valueStart = keyEnd;
    while (/[\s:]/.test(text[valueStart] ?? '')) valueStart++;
    const end = endOfValue(text, valueStart);
    members.push({ key: JSON.parse(text.slice(start, keyEnd)) as string, start, valueStart, end });
    at = end;
  }
}

/** Index after the string that opens at `at`. */
function endOfString(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') return i + 1;
  }
  return text.length;
}

/** Index after the value that starts at `at`. */
function endOfValue(text: string, at: number): number {
  if (text[at] === '"') return endOfString(text, at);
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    const letter = text[i];
    if (letter === '"') i = endOfString(text, i) - 1;
    else if (letter === '{' || letter === '[') depth++;
    else if (letter === '}' || letter === ']') {
      if (depth === 0) return i;
      depth--;
      if (depth === 0) return i + 1;
    } else if (letter === ',' && depth === 0) return i;
  }
  return text.length;
}

/** The dead letter that takes the place of an event that no record of its topic can hold. */
export function refusedEvent(event: NormalisedEvent, topic: string, size: number, limit: number): DeadLetter {
  const parsed: JsonValue = JSON.parse(event.text);
  const body = isObject(parsed) ? parsed : {};
  const metadata = isObject(body.metadata) ? body.metadata : {};
  const raw = text(body, 'raw_data') ?? event.text;
  const organization = text(metadata, 'tenant_uid');
  const recordId = text(metadata, 'original_event_uid');
  const originalTime = text(metadata, 'original_time');
  return withShortMembers({
    uid: event.uid,
    reason: 'refused_by_sink',
    message: `The event has ${size} bytes without raw_data; topic ${topic} takes ${limit}.`,
    details: [`max.message.bytes of ${topic}: ${limit}`, `class_uid ${event.classUid}, type_uid ${event.typeUid}`],
    service: text(metadata, 'log_source') ?? text(metadata, 'log_name') ?? '',
    event_type: event.eventCode,
    ...(organization === undefined ? {} : { organization }),
    ...(recordId === undefined ? {} : { record_id: recordId }),
    ...(originalTime === undefined ? {} : { original_time: originalTime }),
    time: event.time,
    raw,
    raw_size: Buffer.byteLength(raw),
    raw_sha256: sha256(raw),
  });
}

function text(object: JsonObject, key: string): string | undefined {
  const value = object[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/**
 * A dead letter as one text, or as several that repeat everything but `raw`, of which each holds the next part
 * (`part` of `parts`, counted from 1). `raw_size` and `raw_sha256` are always those of the whole. Where a text would hold
 * more of what is repeated than of `raw`, there is one text with the beginning of `raw`.
 * @param room bytes that a text may have
 */
export function deadLetterTexts(letter: DeadLetter, room: number): string[] {
  const whole = JSON.stringify(letter);
  if (Buffer.byteLength(whole) <= room) return [whole];
  const frame = Buffer.byteLength(JSON.stringify({ ...letter, raw: '', part: 9_999_999, parts: 9_999_999 }));
  const roomForRaw = room - frame;
  if (roomForRaw < frame) {
    const [beginning = ''] = roomForRaw > 0 ? piecesOf(letter.raw, roomForRaw, escapedSize) : [];
    return [JSON.stringify({ ...letter, raw: beginning })];
  }
  const pieces = cutText(letter.raw, roomForRaw, escapedSize);
  return pieces.map((raw, index) => JSON.stringify({ ...letter, raw, part: index + 1, parts: pieces.length }));
}

/** Cuts a text between characters into pieces of at most `room` bytes, each character costing what `cost` says. */
export function cutText(whole: string, room: number, cost: (codePoint: number) => number = utf8Size): string[] {
  return [...piecesOf(whole, room, cost)];
}

function* piecesOf(whole: string, room: number, cost: (codePoint: number) => number): Generator<string, void, void> {
  let start = 0;
  let used = 0;
  for (let at = 0; at < whole.length; ) {
    const codePoint = whole.codePointAt(at)!;
    const size = cost(codePoint);
    if (used + size > room && at > start) {
      yield whole.slice(start, at);
      start = at;
      used = 0;
    }
    used += size;
    at += codePoint > 0xffff ? 2 : 1;
  }
  yield whole.slice(start);
}

function utf8Size(codePoint: number): number {
  if (codePoint < 0x80) return 1;
  if (codePoint < 0x800) return 2;
  return codePoint > 0xffff ? 4 : 3;
}

/** Bytes of a character inside a JSON string; of control characters and lone surrogates, those of the longest escape. */
function escapedSize(codePoint: number): number {
  if (codePoint < 0x20 || (codePoint >= 0xd800 && codePoint <= 0xdfff)) return 6;
  return codePoint === 0x22 || codePoint === 0x5c ? 2 : utf8Size(codePoint);
}
