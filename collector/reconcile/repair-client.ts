import { formatSecond } from '../../mappings/instant.js';
import { isObject, type JsonValue } from '../../mappings/json.js';
import type { Clock } from '../clock.js';
import type { SharedConfig } from '../config/feed-config.js';
import { CollectorError, type ErrorCode, errorCodes } from '../errors.js';
import type { Range } from '../position/time-range.js';
import { type RepairView, repairPath } from './repair-queue.js';

/** Where the process that runs the feed listens, by the configuration of both. */
export type Listener = SharedConfig['http'];

/** Waiting for a repair that another process does. */
export interface Waiting {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress: (view: RepairView) => void;
}

/** Longer than an answer of /status is kept for the next who asks. */
const LOOK_EVERY_MS = 1_000;
const ANSWER_WITHIN_MS = 10_000;
/** Looks in a row without an answer, after which the feed counts as gone. */
const MOST_SILENT = 5;
const STOP = 'stop the feed, repeat the command and start the feed again';
const ASK =
  'run the command beside the running feed, with its configuration (http.enabled, http.host, http.port, http.token), so that the feed can be asked';

/**
 * Asks the process that holds a feed's live lane to repair a range, and waits until it has.
 * @param inUse why this process cannot do it
 * @throws CollectorError LANE_IN_USE where nobody can be asked, or the feed refuses; what the repair failed with;
 *   REPAIR_BROKEN_OFF where the feed was stopped in the middle; ABORTED where this command was
 */
export async function askRepair(
  feed: string,
  { from, to }: Range,
  listener: Listener,
  inUse: CollectorError,
  { clock, signal, onProgress }: Waiting,
): Promise<RepairView> {
  if (!listener.enabled || listener.port === 0)
    throw cannotAsk(inUse, 'the configuration names no HTTP listener of a fixed port');
  const body = JSON.stringify({ feed, from: formatSecond(from), to: formatSecond(to) });
  const asked = await send(listener, repairPath, signal, body);
  if (asked === undefined) throw cannotAsk(inUse, `nobody answers on ${addressOf(listener)}`);
  let view = asked.status === 202 ? viewIn(asked.value) : undefined;
  if (view === undefined) throw refusedBy(inUse, listener, asked);
  const { id } = view;
  for (let silent = 0; ; ) {
    onProgress(view);
    if (view.endedAt !== null) break;
    await clock.sleep(LOOK_EVERY_MS, signal);
    if (signal.aborted) throw leftAlone();
    const status = await send(listener, '/status', signal);
    if (status === undefined) {
      silent += 1;
      if (silent >= MOST_SILENT) throw brokenOff();
      continue;
    }
    silent = 0;
    const next = repairOf(status.value, feed);
    if (next?.id !== id) throw brokenOff();
    view = next;
  }
  if (view.state === 'done') return view;
  throw failureOf(view);
}

/** Undefined where nobody answers. */
async function send(
  listener: Listener,
  path: string,
  signal: AbortSignal,
  body?: string,
): Promise<{ status: number; value: JsonValue | undefined } | undefined> {
  const token = listener.token?.reveal();
  try {
    const answer = await fetch(`${addressOf(listener)}${path}`, {
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { method: 'POST', body }),
    });
    return { status: answer.status, value: parsed(await answer.text()) };
  } catch {
    if (signal.aborted) throw leftAlone();
    return undefined;
  }
}

/** A listener on every interface is asked on the loopback one. */
function addressOf({ host, port }: Listener): string {
  const everywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  const asked = everywhere[host] ?? host;
  return `http://${asked.includes(':') ? `[${asked}]` : asked}:${port}`;
}

function parsed(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

function viewIn(value: JsonValue | undefined): RepairView | undefined {
  const repair = isObject(value) ? value.repair : undefined;
  return isObject(repair) && typeof repair.id === 'string' ? (repair as unknown as RepairView) : undefined;
}

function repairOf(status: JsonValue | undefined, feed: string): RepairView | undefined {
  const feeds = isObject(status) && Array.isArray(status.feeds) ? status.feeds : [];
  return viewIn(feeds.find((one) => isObject(one) && one.name === feed));
}

function cannotAsk(inUse: CollectorError, reason: string): CollectorError {
  return new CollectorError('LANE_IN_USE', `${inUse.message} It cannot be asked to repair: ${reason}.`, {
    cure: `Either ${STOP}; or ${ASK}.`,
    cause: inUse,
  });
}

function refusedBy(
  inUse: CollectorError,
  listener: Listener,
  { status, value }: { status: number; value: JsonValue | undefined },
): CollectorError {
  const { error, cure } = isObject(value) ? value : {};
  if (status === 401) return cannotAsk(inUse, `${addressOf(listener)} refuses this configuration's http.token`);
  if (typeof error !== 'string' || typeof cure !== 'string')
    return cannotAsk(inUse, `${addressOf(listener)} answers ${status}, which no running feed of this version does`);
  return new CollectorError('LANE_IN_USE', `${inUse.message} Asked to repair, it refuses: ${error}`, {
    cure: `${cure} Or ${STOP}.`,
    cause: inUse,
  });
}

function failureOf({ error, found }: RepairView): CollectorError {
  if (error === null || !(error.code in errorCodes)) return brokenOff();
  const code: ErrorCode = error.code;
  const message = `The running feed gave the repair up after ${found} records: ${error.message}`;
  return new CollectorError(code, message, { cure: error.cure });
}

function brokenOff(): CollectorError {
  return new CollectorError('REPAIR_BROKEN_OFF', 'The feed was stopped, or restarted, in the middle of the repair.', {
    cure: 'Repeat the command: what was delivered stays, and only what is missing is read again.',
    transient: true,
  });
}

function leftAlone(): CollectorError {
  return new CollectorError('ABORTED', 'Stopped while the running feed repairs; it goes on.', {
    cure: 'Its /status shows how far it is.',
  });
}
