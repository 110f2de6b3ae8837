import type { JsonObject } from './json.js';
import type { RecordReader } from './record-reader.js';

/** The result of an activity: OCSF `status_id` with its caption, the reason and the source's own code. */
export interface EventStatus {
  id: number;
  /** Caption, or the source's word beside 99. */
  caption: string;
  detail?: string;
  code?: string;
  /** The record's word that decided, a candidate for the code. */
  word?: { readonly key: string; readonly text: string };
  /** An intermediate step of a login: neither success nor failure yet. */
  pending: boolean;
}

/** How a row decides the status where the event type itself implies it. */
export type StatusRule = 'success' | 'failure' | 'requested' | 'status_word' | 'result_word';

const UNKNOWN = 0;
const SUCCESS = 1;
const FAILURE = 2;

/** Words of MDM and storage results (Apple's protocol among them) that mean success or failure. */
const words = new Map<string, number>([
  ['acknowledged', SUCCESS],
  ['success', SUCCESS],
  ['succeeded', SUCCESS],
  ['ok', SUCCESS],
  ['valid', SUCCESS],
  ['passed', SUCCESS],
  ['error', FAILURE],
  ['failure', FAILURE],
  ['failed', FAILURE],
  ['commandformaterror', FAILURE],
  ['invalid', FAILURE],
]);

/**
 * How the status is decided:
 *
 * 1. `success`, or `sso_token_success` where there is one, true: Success. False: Failure, except 3.
 * 2. No such flag: Failure where a policy said DENY or there is an error text, else what the row's rule says, else Unknown.
 * 3. `sso_token_success` false with neither an error text nor a DENY is an intermediate step (99) if `mfa` is true or a
 *    second factor has not succeeded yet (one that failed comes with an error text).
 *
 * The reason is the error text, else the policy that denied.
 */
export function readStatus(reader: RecordReader, rule?: StatusRule): EventStatus {
  const { record } = reader;
  const error = readError(reader);
  const denied = findDenial(reader);
  const token = reader.flag(record, 'sso_token_success');
  const success = token ?? readSuccess(reader, rule);
  const status = decide(reader, rule, { success, failed: error !== undefined || denied !== undefined, token });
  const chain = readErrorChain(reader);
  const detail = error ?? (status.id === FAILURE ? denied : undefined) ?? chain.detail;
  if (detail !== undefined) status.detail = detail;
  const code =
    reader.code(record, 'error_code') ??
    reader.code(reader.object(record, 'message_chain'), 'response_code') ??
    chain.code;
  if (code !== undefined) status.code = code;
  else if (status.word !== undefined) {
    status.code = status.word.text;
    reader.consume(record, status.word.key);
  }
  return status;
}

/** `success`; where the event type itself says otherwise, the record's own word is left for `unmapped`. */
function readSuccess(reader: RecordReader, rule: StatusRule | undefined): boolean | undefined {
  const success = reader.peekFlag(reader.record, 'success');
  const contradicts = rule === 'failure' && success === true;
  if (success !== undefined && !contradicts) reader.consume(reader.record, 'success');
  return success;
}

interface Evidence {
  success: boolean | undefined;
  token: boolean | undefined;
  failed: boolean;
}

function decide(reader: RecordReader, rule: StatusRule | undefined, { success, failed, token }: Evidence): EventStatus {
  if (success === false && token === false && !failed && isPending(reader)) {
    return { id: 99, caption: 'MFA step pending', pending: true };
  }
  if (success === false || rule === 'failure') return settled(FAILURE, 'Failure');
  if (rule === 'requested') return failed ? settled(FAILURE, 'Failure') : settled(99, 'Requested');
  if (success === true || rule === 'success') return settled(SUCCESS, 'Success');
  if (failed) return settled(FAILURE, 'Failure');
  if (rule === 'status_word') return fromWord(reader, 'status');
  if (rule === 'result_word') return fromWord(reader, 'result');
  return settled(UNKNOWN, 'Unknown');
}

function settled(id: number, caption: string): EventStatus {
  return { id, caption, pending: false };
}

function fromWord(reader: RecordReader, key: string): EventStatus {
  const word = reader.peek(reader.record, key);
  if (word === undefined) return settled(UNKNOWN, 'Unknown');
  const id = words.get(word.toLowerCase());
  if (id !== undefined) return { ...settled(id, id === SUCCESS ? 'Success' : 'Failure'), word: { key, text: word } };
  reader.consume(reader.record, key);
  return settled(99, word);
}

/** The error text; of a RADIUS request also that of the outer method. */
function readError(reader: RecordReader): string | undefined {
  const { record } = reader;
  const text =
    reader.text(record, 'error_message') ??
    reader.text(reader.object(record, 'outer'), 'error_message') ??
    reader.text(reader.object(record, 'message_chain'), 'response_message');
  return text?.trim();
}

/** The reason and the code of an MDM command that failed: the first of its errors, of which the others are causes. */
function readErrorChain(reader: RecordReader): { detail: string | undefined; code: string | undefined } {
  const [first] = reader.objects(reader.record, 'error_chain');
  const english = reader.text(first, 'us_english_description');
  const localized = reader.peek(first, 'localized_description');
  if (english === undefined || localized === english) reader.consume(first, 'localized_description');
  return { detail: (english ?? localized)?.trim(), code: reader.code(first, 'error_code') };
}

function findDenial(reader: RecordReader): string | undefined {
  const context = reader.object(reader.record, 'auth_context');
  for (const applied of reader.objects(context, 'policies_applied')) {
    const action = reader.peek(reader.object(applied, 'metadata'), 'action');
    if (action?.toUpperCase() !== 'DENY') continue;
    const name = reader.peek(applied, 'name') ?? reader.peek(applied, 'id');
    return name === undefined ? 'denied by a policy' : `denied by policy ${name}`;
  }
  return undefined;
}

function isPending(reader: RecordReader): boolean {
  if (reader.peekFlag(reader.record, 'mfa') === true) return true;
  const methods = reader.object(reader.object(reader.record, 'auth_context'), 'auth_methods');
  return Object.keys(methods ?? {}).some(
    (name) => name !== 'password' && hasNotSucceeded(reader, reader.object(methods, name)),
  );
}

function hasNotSucceeded(reader: RecordReader, method: JsonObject | undefined): boolean {
  return method !== undefined && reader.peekFlag(method, 'success') !== true;
}
