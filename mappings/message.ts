import type { ClassName } from '../schemas/ocsf-target.js';
import type { ClassAttributes, ClassMapping } from './class-attributes.js';
import { RecordReader } from './record-reader.js';
import { displayNameOf, readUser } from './user.js';

const FAILURE = 2;

/** One sentence: who did what to whom, from where, with what outcome and why. */
export function buildMessage(reader: RecordReader, mapped: ClassMapping): string {
  const { attributes, status } = mapped;
  const reason = status.detail === undefined ? '' : ` (${status.detail})`;
  return `${clauseOf(reader, mapped)}${placeOf(attributes)}: ${status.caption.toLowerCase()}${reason}.`;
}

function clauseOf(reader: RecordReader, { attributes, action, actorName, status, className }: ClassMapping): string {
  const who = isSelfReport(attributes)
    ? undefined
    : (actorNameOf(attributes) ?? actorName ?? unplacedActorName(reader, attributes, className));
  const failed = status.id === FAILURE && className !== 'detection_finding';
  if (action.event !== undefined) return `Event ${action.event}${who === undefined ? '' : ` by ${who}`}`;
  if (action.passive !== undefined && (who === undefined || action.impersonal === true))
    return capitalised(failed ? action.passive.failed : action.passive.done);
  return `${who ?? 'An unnamed actor'} ${failed ? `tried to ${action.todo}` : action.done}`;
}

/** Whether a device reports of itself: its id stands where others have an actor with a name. */
function isSelfReport({ actor, device, entity }: ClassAttributes): boolean {
  const uid = actor?.user?.name === undefined ? actor?.user?.uid : undefined;
  return uid !== undefined && (uid === device?.uid || uid === entity?.uid);
}

function capitalised(text: string): string {
  return /^(?:a|an|the) /.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

/** The actor's name; where only an id is known, the name that the account with this id has elsewhere in the event. */
function actorNameOf({ actor, user }: ClassAttributes): string | undefined {
  const isOwner = actor?.user?.uid !== undefined && actor.user.uid === user?.uid;
  return displayNameOf(isOwner && actor?.user?.name === undefined ? user : actor?.user) ?? actor?.app_name;
}

/** The actor's name where the event has no actor: the person who logs in, or an initiator for whom the class has no attribute. */
function unplacedActorName(
  { record, target }: RecordReader,
  attributes: ClassAttributes,
  className: ClassName,
): string | undefined {
  if (className === 'authentication') return displayNameOf(attributes.user);
  // A reader of its own, so that nothing counts as consumed.
  const reader = new RecordReader(record, target);
  const { initiator } = reader;
  return displayNameOf(readUser(reader, initiator)) ?? reader.peek(initiator, 'source');
}

function placeOf({ src_endpoint: source, evidences, device }: ClassAttributes): string {
  const endpoint = source ?? evidences?.[0]?.src_endpoint ?? device;
  if (endpoint?.ip === undefined) return '';
  const place = [endpoint.location?.city, endpoint.location?.country].filter((part) => part !== undefined).join(', ');
  return place === '' ? ` from ${endpoint.ip}` : ` from ${endpoint.ip} (${place})`;
}
