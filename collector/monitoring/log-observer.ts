import { formatSecond } from '../../mappings/instant.js';
import { describeOldKey, type KeyTrigger } from '../../mappings/key-warning.js';
import type { ClientObserver } from '../jumpcloud/http/observer.js';
import { describeBasis, describeLife, nameCredential } from '../key-expiry/lifetime.js';
import type { KeyStatus } from '../key-expiry/monitor.js';
import type { Log } from '../log/logger.js';
import type { CommitReport } from '../pipeline/observer.js';
import { encodeCursor } from '../position/cursor-codec.js';
import type { LaneObserver, ReconcileReport } from '../reconcile/observer.js';
import type { RepairView } from '../reconcile/repair-queue.js';
import { describeUnasked, unaskedCure } from '../reconcile/unasked-services.js';

/** Unknown event types named in the log: once each, and no more than this, since strangers choose the names. */
const MOST_TYPES = 100;

/** Logs what a feed does: what changes at info, each search and commit at debug, what fails once with its cure. */
export function feedLogger(log: Log): LaneObserver {
  const named = { unknown: new Set<string>(), reused: new Set<string>() };
  return (event) => {
    const { lane } = event;
    switch (event.type) {
      case 'opened': {
        const { settled, newest } = encodeCursor(event.cursor);
        if (event.resumed) log.info(`going on from ${settled}`, { lane, settled, newest });
        return;
      }
      case 'noted':
        return log.warn(event.message, { lane });
      case 'questionAnswered': {
        const { question, rows, found, durationMs } = event;
        if (found === 0) return log.debug('a watched question was answered', { question, rows, durationMs });
        return log.warn(`${found} new ${found === 1 ? 'row' : 'rows'} of the watched question ${question}`, {
          question,
          rows,
        });
      }
      case 'questionBehind': {
        const { question, left } = event;
        const until = new Date(event.until).toISOString();
        const progress = `asked until ${until}, ${left} moments to go`;
        if (event.isGaining)
          return log.info(`The watched question ${question} catches up with a pause: ${progress}`, {
            question,
            until,
            left,
          });
        return log.warn(
          `The watched question ${question} does not catch up, so that its findings come late: ${progress}`,
          {
            question,
            until,
            left,
            cure: 'Answers take longer than the time between two moments that they are asked about: raise questions.interval, give the question a longer `since`, or watch fewer questions. `query --name` shows how long one takes.',
          },
        );
      }
      case 'questionFailed': {
        const { message, cure, code } = event.error;
        return log.warn(`The watched question ${event.question} has no answer: ${message}`, {
          question: event.question,
          code,
          cure,
        });
      }
      case 'searching': {
        const { services, start, end } = event.search;
        return log.debug('searching', { lane, services, start, ...(end === undefined ? {} : { end }) });
      }
      case 'page': {
        const { records, bytes, requestId } = event;
        return log.trace('page', { lane, records, bytes, requestId });
      }
      case 'committed':
        logCommit(log, lane, event, named);
        return log.recovered('sink', { lane });
      case 'searched': {
        const { pages, records, durationMs } = event;
        log.recovered('source', { lane });
        return log.debug('search read to its end', { lane, pages, records, ms: Math.round(durationMs) });
      }
      case 'caughtUp':
        return log.debug(`caught up; next poll in ${Math.round(event.nextPollMs / 1000)} s`, { lane });
      case 'idle':
        return log.info('waits to be asked: poll.interval is never', { lane });
      case 'failed': {
        const { part, error, retryMs } = event;
        if (retryMs === undefined) return;
        return log.failing(part, error, { lane, retry: `in ${Math.ceil(retryMs / 1000)} s; the position is kept` });
      }
      case 'refused': {
        const { services, error, retryAt } = event;
        const message = `JumpCloud refuses ${services.length === 1 ? 'service' : 'services'} ${services.join(', ')} (${error.message}); the others go on, asked again ${retryAt}`;
        return log.warn(message, { lane, code: error.code, cure: error.cure });
      }
      case 'reconciled':
        return logComparison(log, lane, event.report);
      case 'unasked':
        if (event.found.records === 0) return;
        return log.warn(describeUnasked(event.found, event.refused), { lane, cure: unaskedCure });
      case 'closed':
    }
  };
}

function logCommit(log: Log, lane: string, report: CommitReport, named: NamedTypes): void {
  const { counts, cursor, durationMs, unknownTypes, reusedIds, lateness } = report;
  if (counts.records > 0) {
    const settled = formatSecond(cursor.position.watermark);
    log.debug('committed', { lane, ...counts, settled, ms: Math.round(durationMs) });
  }
  if (counts.deadLetters > 0) {
    const letters = several(counts.deadLetters, 'dead letter');
    log.warn(`${letters}: see them with \`jumpcloud-ocsf dead-letters list\``, { lane });
  }
  if (lateness.length > 0) {
    const latest = Math.round(Math.max(...lateness));
    log.info(`${several(lateness.length, 'late record')} delivered, the latest ${latest} s after its time`, { lane });
  }
  for (const type of notYetNamed(unknownTypes, named.unknown))
    log.info(`unknown event type ${type}: delivered as Base Event under its own name`, { lane });
  for (const type of notYetNamed(reusedIds, named.reused))
    log.info(`records of ${type} share an id: one of other time, type or outcome is an event of its own`, { lane });
}

/** Types that the log has named, by what it said of them. */
type NamedTypes = Readonly<Record<'unknown' | 'reused', Set<string>>>;

/** Those of these types that the log does not know yet; from now on it does. */
function* notYetNamed(types: readonly string[], named: Set<string>): Generator<string> {
  for (const type of types) {
    if (named.has(type) || named.size >= MOST_TYPES) continue;
    named.add(type);
    yield type;
  }
}

function logComparison(log: Log, lane: string, report: ReconcileReport): void {
  const { from, to, found, unknown, reason, asked, reread, explained, finished } = report;
  const range = { from: formatSecond(from), to: formatSecond(to) };
  const figures = { asked, reread, found, explained, unknown, finished };
  log.debug("compared with JumpCloud's own count", { lane, ...range, ...figures });
  if (found > 0)
    log.info(`${several(found, 'record')} found that became visible after the polls had passed: delivered`, {
      lane,
      ...range,
    });
  if (unknown > 0)
    log.warn(`of ${unknown} minutes it cannot be known whether anything is missing: ${reason}`, { lane, ...range });
  else if (reason !== undefined) log.info(reason, { lane, ...range });
}

function several(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}

/** Tells the log what the client for JumpCloud does. */
export function clientLogger(log: Log): ClientObserver {
  return {
    onRequest: ({ purpose, path, status, code, ms, bytes, requestId }) =>
      log.trace('request', { purpose, path, status, code, ms: Math.round(ms), bytes, requestId }),
    onRetry: ({ code, detail, waitMs, attempt, attempts, asked }) =>
      log.debug(`asking again in ${Math.round(waitMs / 1000)} s`, { code, detail, attempt, attempts, asked }),
    onHeaderUsed({ configured, used }) {
      if (configured !== used)
        log.info(`configured ${configured}, JumpCloud took ${used}: remembered with the position`);
    },
    onKeyChanged: ({ lastFour, where }) => log.info(`another key is in use: …${lastFour} from ${where}`),
    onKeyUntidy: ({ where, found }) => log.warn(`the credential in ${where} had ${found.join(' and ')}: taken off`),
    onKeyUnreadable: ({ where, reason }) => log.warn(`${where}: ${reason}; the key read before stays in use`),
    onSkew({ skewMs, agrees, apart }) {
      const then = apart ? 'no position follows either clock now, but the records alone' : 'whose clock is used';
      if (agrees) log.info("the clock agrees with JumpCloud's again");
      else log.warn(`the clock is ${Math.round(skewMs / 1000)} s off JumpCloud's: ${then}`, { skewMs });
    },
    onPageTooLarge: ({ limit, next }) =>
      log.info(`a page of ${limit} records is too large: searching again with ${next} a page`),
  };
}

const OLD_KEY_CURE =
  'Where it comes after the rotation: find the collector at that address, give it the new key or stop it.';

/** Tells the log that a key ends soon, has ended, or that a revoked one is still used. */
export function logKeyWarning(log: Log, status: KeyStatus, trigger: KeyTrigger, now: number): void {
  if (trigger.kind === 'old_key') {
    log.warn(describeOldKey(trigger), { cure: OLD_KEY_CURE });
    return;
  }
  const message = `the JumpCloud ${nameCredential(status)} ${describeLife(status.life, now)}`;
  const days = trigger.kind === 'expires' ? trigger.threshold : undefined;
  const fields = { basis: describeBasis(status.life), cure: status.rotation, days };
  // The poll has already logged a refused key, with the fix.
  if (days === 0 && !status.refused) log.error(message, fields);
  else log.warn(message, fields);
}

/** Tells the log what the running feed was asked to repair, and what came of it. */
export function logRepair(log: Log, { from, to, state, found, minutesRead, minutes, error }: RepairView): void {
  const range = { from, to };
  if (state === 'asked') log.info('repair requested: the range is reread between polls', range);
  else if (error === null) log.info(`repaired: ${found} records that were missing are delivered`, range);
  else
    log.warn(`the repair was given up after ${minutesRead} of ${minutes} minutes: ${error.message}`, {
      ...range,
      code: error.code,
      cure: error.cure,
      found,
    });
}

/** One client observer that passes everything on to several. */
export function combineClientObservers(observers: readonly ClientObserver[]): ClientObserver {
  const names = new Set(observers.flatMap((observer) => Object.keys(observer) as (keyof ClientObserver)[]));
  const passOn = (name: keyof ClientObserver) => (fact: never) => {
    for (const observer of observers) observer[name]?.(fact);
  };
  return Object.fromEntries([...names].map((name) => [name, passOn(name)]));
}
