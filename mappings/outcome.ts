import type { JsonObject } from './json.js';
import type { Reading } from './record-reader.js';

/** What came of an activity: OCSF `status_id` with its caption, the reason and the source's own code. */
export interface Outcome {
  id: number;
  /** Caption, or the source's word beside 99. */
  caption: string;
  detail?: string;
  code?: string;
  /** An intermediate step of a login: neither success nor failure yet. */
  pending: boolean;
}

/** How a catalogue row says what came of it where the event type itself tells. */
export type OutcomeRule = 'success' | 'failure' | 'requested' | 'status_word' | 'result_word';

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
 * The one rule for outcomes:
 *
 * 1. `success`, or `sso_token_success` where there is one, true: Success. False: Failure, except 3.
 * 2. No such flag: Failure where a policy said DENY or there is an error text, else what the row's rule says, else Unknown.
 * 3. `sso_token_success` false with neither an error text nor a DENY is an intermediate step (99) if `mfa` is true or a
 *    second factor has not succeeded yet (one that failed comes with an error text).
 *
 * The reason is the error text, else the policy that denied.
 */
export function readOutcome(reading: Reading, rule?: OutcomeRule): Outcome {
  const { record } = reading;
  const error = readError(reading);
  const denied = findDenial(reading);
  const token = reading.flag(record, 'sso_token_success');
  const success = token ?? readSuccess(reading, rule);
  const outcome = decide(reading, rule, { success, failed: error !== undefined || denied !== undefined, token });
  const detail = error ?? (outcome.id === FAILURE ? denied : undefined);
  if (detail !== undefined) outcome.detail = detail;
  const code =
    reading.code(record, 'error_code') ?? reading.code(reading.object(record, 'message_chain'), 'response_code');
  if (code !== undefined) outcome.code = code;
  return outcome;
}

/** `success`; where the event type itself says otherwise, the record's own word is left for `unmapped`. */
function readSuccess(reading: Reading, rule: OutcomeRule | undefined): boolean | undefined {
  const success = reading.peekFlag(reading.record, 'success');
  const contradicts = rule === 'failure' && success === true;
  if (success !== undefined && !contradicts) reading.take(reading.record, 'success');
  return success;
}

interface Evidence {
  success: boolean | undefined;
  token: boolean | undefined;
  failed: boolean;
}

function decide(reading: Reading, rule: OutcomeRule | undefined, { success, failed, token }: Evidence): Outcome {
  if (success === false && token === false && !failed && isPending(reading)) {
    return { id: 99, caption: 'MFA step pending', pending: true };
  }
  if (success === false || rule === 'failure') return settled(FAILURE, 'Failure');
  if (rule === 'requested') return failed ? settled(FAILURE, 'Failure') : settled(99, 'Requested');
  if (success === true || rule === 'success') return settled(SUCCESS, 'Success');
  if (failed) return settled(FAILURE, 'Failure');
  if (rule === 'status_word') return fromWord(reading, 'status');
  if (rule === 'result_word') return fromWord(reading, 'result');
  return settled(UNKNOWN, 'Unknown');
}

function settled(id: number, caption: string): Outcome {
  return { id, caption, pending: false };
}

function fromWord(reading: Reading, key: string): Outcome {
  const word = reading.peek(reading.record, key);
  if (word === undefined) return settled(UNKNOWN, 'Unknown');
  reading.take(reading.record, key);
  const id = words.get(word.toLowerCase());
  if (id === undefined) return settled(99, word);
  return { ...settled(id, id === SUCCESS ? 'Success' : 'Failure'), code: word };
}

/** The error text; of a RADIUS request also that of the outer method. */
function readError(reading: Reading): string | undefined {
  const { record } = reading;
  const text =
    reading.text(record, 'error_message') ??
    reading.text(reading.object(record, 'outer'), 'error_message') ??
    reading.text(reading.object(record, 'message_chain'), 'response_message');
  return text?.trim();
}

function findDenial(reading: Reading): string | undefined {
  const context = reading.object(reading.record, 'auth_context');
  for (const applied of reading.objects(context, 'policies_applied')) {
    const action = reading.peek(reading.object(applied, 'metadata'), 'action');
    if (action?.toUpperCase() !== 'DENY') continue;
    const name = reading.peek(applied, 'name') ?? reading.peek(applied, 'id');
    return name === undefined ? 'denied by a policy' : `denied by policy ${name}`;
  }
  return undefined;
}

function isPending(reading: Reading): boolean {
  if (reading.peekFlag(reading.record, 'mfa') === true) return true;
  const methods = reading.object(reading.object(reading.record, 'auth_context'), 'auth_methods');
  return Object.keys(methods ?? {}).some(
    (name) => name !== 'password' && hasNotSucceeded(reading, reading.object(methods, name)),
  );
}

function hasNotSucceeded(reading: Reading, method: JsonObject | undefined): boolean {
  return method !== undefined && reading.peekFlag(method, 'success') !== true;
}
