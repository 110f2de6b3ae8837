import { createHash } from 'node:crypto';
import type { BodyReader, PassedBody } from '../http/send-request.js';

/** Bytes and levels of nesting that a member may have to stand for its record, and bytes of all such members. */
const LONGEST_MEMBER = 2_048;
const DEEPEST_MEMBER = 8;
const MOST_KEPT = 64 * 1024;
/** What names the record: kept whatever stands before it. Of a name that comes twice the last one counts, as for JSON. */
const IDENTITY = /^\s*"(id|timestamp|jc_timestamp|event_type|service|organization|success|sso_token_success)"\s*:/;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

type Place = 'before_array' | 'before_record' | 'in_record' | 'after_record' | 'after_array';

/**
 * Reads a page of a single record that is too large to be held: finds where the record begins and ends, hashes it, and keeps
 * its short members, which stand for it (`id` and `timestamp` are among them). Only strings and brackets are judged, not
 * the whole grammar of JSON.
 */
export class OversizedRecord implements BodyReader {
  #place: Place = 'before_array';
  /** Of open brackets, the array's own among them. */
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  #isObject = false;
  #isUsable = true;
  readonly #hash = createHash('sha256');
  #bytes = 0;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  /** Name → its place in `#kept`. */
  readonly #identity = new Map<string, number>();
  #member: Buffer[] = [];
  #memberBytes = 0;
  #isMemberShort = true;

  write(chunk: Buffer): void {
    let recordFrom = 0;
    let memberFrom = 0;
    for (let at = 0; at < chunk.length && this.#isUsable; at += 1) {
      const byte = chunk[at]!;
      if (this.#isInString) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === BACKSLASH) this.#isEscaped = true;
        else if (byte === QUOTE) this.#isInString = false;
      } else if (this.#place !== 'in_record') {
        if (isSpace(byte) || !this.#begins(byte)) continue;
        recordFrom = at;
        memberFrom = at + 1;
        continue;
      } else if (byte === QUOTE) this.#isInString = true;
      else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        this.#depth += 1;
        if (this.#depth > 2 + DEEPEST_MEMBER) this.#isMemberShort = false;
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        this.#depth -= 1;
        if (this.#depth === 1) this.#endMember(chunk.subarray(memberFrom, at));
      } else if (byte === COMMA && this.#depth === 2) {
        this.#endMember(chunk.subarray(memberFrom, at));
        memberFrom = at + 1;
      }
      if (this.#depth === 1 && !this.#isInString) {
        this.#take(chunk.subarray(recordFrom, at + 1));
        this.#place = 'after_record';
      }
    }
    if (this.#place !== 'in_record') return;
    this.#take(chunk.subarray(recordFrom));
    this.#addToMember(chunk.subarray(memberFrom));
  }

  end(): PassedBody | 'cut' | 'unusable' {
    if (!this.#isUsable) return 'unusable';
    if (this.#place !== 'after_array') return 'cut';
    const members = this.#kept.flatMap((member, index) => (index === 0 ? [member] : [Buffer.from(','), member]));
    const record = this.#isObject ? [Buffer.from('{'), ...members, Buffer.from('}')] : [Buffer.from('null')];
    const body = Buffer.concat([Buffer.from('['), ...record, Buffer.from(']')]);
    return { body, bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  /** Outside the record: whether it begins with this byte, which is no white space. */
  #begins(byte: number): boolean {
    if (this.#place === 'before_array' && byte === OPEN_ARRAY) {
      this.#place = 'before_record';
      this.#depth = 1;
    } else if (this.#place === 'before_record' && (byte === OPEN_OBJECT || byte === OPEN_ARRAY || byte === QUOTE)) {
      this.#place = 'in_record';
      this.#isObject = byte === OPEN_OBJECT;
      if (byte === QUOTE) this.#isInString = true;
      else this.#depth = 2;
      return true;
    } else if (this.#place === 'after_record' && byte === CLOSE_ARRAY) this.#place = 'after_array';
    else this.#isUsable = false;
    return false;
  }

  #take(part: Buffer): void {
    this.#hash.update(part);
    this.#bytes += part.length;
  }

  #addToMember(part: Buffer): void {
    this.#memberBytes += part.length;
    if (this.#memberBytes > LONGEST_MEMBER) this.#isMemberShort = false;
    // A copy: a view would keep the whole chunk.
    else if (this.#isMemberShort) this.#member.push(Buffer.from(part));
  }

  #endMember(last: Buffer): void {
    this.#addToMember(last);
    if (this.#isMemberShort && this.#memberBytes > 0) {
      const member = Buffer.concat(this.#member);
      const name = IDENTITY.exec(member.toString('latin1', 0, 64))?.[1];
      if (name !== undefined) {
        const place = this.#identity.get(name) ?? this.#kept.length;
        this.#identity.set(name, place);
        this.#kept[place] = member;
      } else if (this.#keptBytes + this.#memberBytes <= MOST_KEPT) {
        this.#kept.push(member);
        this.#keptBytes += this.#memberBytes;
      }
    }
    this.#member = [];
    this.#memberBytes = 0;
    this.#isMemberShort = true;
  }
}

/** JSON's white space, and the byte order mark that may stand before it all. */
function isSpace(byte: number): boolean {
  return (
    byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09 || byte === 0xef || byte === 0xbb || byte === 0xbf
  );
}
