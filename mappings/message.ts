import type { ClassAttributes, Mapped } from './class-attributes.js';
import { Reading } from './record-reader.js';
import { callUser, readUser } from './user.js';

const FAILURE = 2;

/** One sentence: who did what to whom, from where, with what outcome and why. */
export function buildMessage(reading: Reading, { attributes, deed, doer, outcome, classUid }: Mapped): string {
  const who = callActor(attributes) ?? doer ?? callUnplaced(reading, attributes, classUid);
  const failed = outcome.id === FAILURE && classUid !== 2004;
  const did = failed ? `tried to ${deed.todo}` : deed.done;
  const reason = outcome.detail === undefined ? '' : ` (${outcome.detail})`;
  return `${who ?? 'An unnamed actor'} ${did}${callPlace(attributes)}: ${outcome.caption.toLowerCase()}${reason}.`;
}

/** The actor; where only an id tells who it was, the name that the account with this id has elsewhere in the event. */
function callActor({ actor, user }: ClassAttributes): string | undefined {
  const isOwner = actor?.user?.uid !== undefined && actor.user.uid === user?.uid;
  return callUser(isOwner && actor?.user?.name === undefined ? user : actor?.user) ?? actor?.app_name;
}

/** Who it was where the event has no actor: the person who logs in, or an initiator whom the class has no place for. */
function callUnplaced({ record }: Reading, attributes: ClassAttributes, classUid: number): string | undefined {
  if (classUid === 3002) return callUser(attributes.user);
  // A reading of its own, so that nothing counts as taken.
  const reading = new Reading(record);
  const initiator = reading.object(record, 'initiated_by');
  return callUser(readUser(reading, initiator)) ?? reading.peek(initiator, 'source');
}

function callPlace({ src_endpoint: source, evidences }: ClassAttributes): string {
  const endpoint = source ?? evidences?.[0]?.src_endpoint;
  if (endpoint?.ip === undefined) return '';
  const place = [endpoint.location?.city, endpoint.location?.country].filter((part) => part !== undefined).join(', ');
  return place === '' ? ` from ${endpoint.ip}` : ` from ${endpoint.ip} (${place})`;
}
