import { floorToSecond, parseInstant } from '../../mappings/instant.js';
import { isObject, type JsonValue } from '../../mappings/json.js';
import type { Range } from '../position/time-range.js';
import type { RepairQueue, RepairView } from '../reconcile/repair-queue.js';

/** What `POST /repair` answers: what was taken on, or why not. */
export interface RepairAnswer {
  /** 202 taken on; 400 malformed, or not a range of the live lane; 404 no such feed; 409 not now. */
  readonly status: 202 | 400 | 404 | 409;
  readonly body:
    | { readonly feed: string; readonly repair: RepairView }
    | { readonly error: string; readonly cure: string };
}

/** A request's body is a feed's name and two instants. */
export const LARGEST_REPAIR_BODY = 4 * 1024;
const FORM = '{"feed": "jumpcloud", "from": "2026-11-20T00:00:00Z", "to": "2026-11-20T06:00:00Z"}';

/**
 * Takes on what a request asks for.
 * @param text the body of a request that the gate let pass
 * @param repairs those of a feed by its name
 */
export function answerRepair(
  text: string,
  repairs: (feed: string) => Pick<RepairQueue, 'ask'> | undefined,
): RepairAnswer {
  const asked = readAsked(text);
  if (typeof asked === 'string') return refused(400, asked, `Send ${FORM}`);
  const feed = repairs(asked.feed);
  if (feed === undefined)
    return refused(404, 'This process runs no feed of that name.', 'Name a feed that /status shows.');
  const taken = feed.ask(asked.range);
  if ('refused' in taken) return refused(taken.refused === 'range' ? 400 : 409, taken.message, taken.cure);
  return { status: 202, body: { feed: asked.feed, repair: taken } };
}

function refused(status: Exclude<RepairAnswer['status'], 202>, error: string, cure: string): RepairAnswer {
  return { status, body: { error, cure } };
}

/** What is asked for, or what is wrong with it. */
function readAsked(text: string): { feed: string; range: Range } | string {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    return 'The body is not JSON.';
  }
  if (!isObject(value)) return 'The body is not an object.';
  const { feed, from, to, ...others } = value;
  if (Object.keys(others).length > 0) return 'The body holds more than feed, from and to.';
  if (typeof feed !== 'string') return 'feed is not a name.';
  const start = typeof from === 'string' ? parseInstant(from) : undefined;
  const end = typeof to === 'string' ? parseInstant(to) : undefined;
  if (start === undefined) return 'from is not an RFC 3339 date-time.';
  if (end === undefined) return 'to is not an RFC 3339 date-time.';
  return { feed, range: { from: floorToSecond(start), to: floorToSecond(end) } };
}
