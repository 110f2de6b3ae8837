import type { IncomingMessage } from 'node:http';
import { floorToSecond, parseInstant } from '../../mappings/instant.js';
import { isObject, type JsonValue } from '../../mappings/json.js';
import type { Range } from '../position/time-range.js';
import type { Repairs, RepairView } from '../reconcile/repair-queue.js';

/** Where a running feed is asked to repair. */
export const repairPath = '/repair';

/** What `POST /repair` answers: what was taken on, or why not. */
export interface RepairAnswer {
  /** 202 taken on; 400 malformed, or not a range of the live lane; 403 a web page; 404 no such feed; 409 not now; 413, 415. */
  readonly status: 202 | 400 | 403 | 404 | 409 | 413 | 415;
  readonly body:
    | { readonly feed: string; readonly repair: RepairView }
    | { readonly error: string; readonly cure: string };
}

/** A request's body is a feed's name and two instants. */
const LARGEST_BODY = 4 * 1024;
const LARGEST_READ = 256 * 1024;
const FORM = '{"feed": "jumpcloud", "from": "2026-11-20T00:00:00Z", "to": "2026-11-20T06:00:00Z"}';

/**
 * Takes on what a request asks for. A browser cannot send it for a page of another origin: the content type is not one of
 * a form, nobody answers the question that a browser then asks first, and what names an origin is refused.
 * @param repairs those of a feed by its name
 */
export async function answerRepair(
  request: IncomingMessage,
  repairs: (feed: string) => Repairs | undefined,
): Promise<RepairAnswer> {
  const { origin, 'content-type': type = '' } = request.headers;
  const text = await textOf(request);
  if (origin !== undefined) return refused(403, 'This is not for web pages.', 'Ask with a program, such as curl.');
  if (!/^application\/json *(;|$)/i.test(type))
    return refused(415, 'The body must be JSON.', 'Send it with content-type: application/json.');
  if (text === undefined) return refused(413, `The body is larger than ${LARGEST_BODY} bytes.`, `Send ${FORM}`);
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

/**
 * Undefined where it is too large: somewhat more is then read all the same, because a connection that is cut while the
 * client still sends loses the answer. What was cut off on its way is no JSON.
 */
async function textOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > LARGEST_READ) return undefined;
    if (bytes <= LARGEST_BODY) chunks.push(chunk);
  }
  return bytes > LARGEST_BODY ? undefined : Buffer.concat(chunks).toString('utf8');
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
