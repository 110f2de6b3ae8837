import type { Family } from '../../mappings/catalogue/index-by-type.js';
import type { Cursor } from './cursor.js';

/** What `jumpcloud.eventTypes` selects: a family of the catalogue. */
export type EventType = Family;

/** Every event type, in the order in which they are named. */
export const eventTypes: readonly EventType[] = ['login', 'admin', 'other'];

/** Slot of a lane's event types in its cursor's extensions. */
const KEY = 'eventTypes';
/** A service that only one event type asks for: tells what a lane has read whose cursor does not name its types. */
const HALLMARKS: Readonly<Record<EventType, string>> = { login: 'sso', admin: 'access_management', other: 'mdm' };

/** The same types, each once, in the usual order. */
export function inOrder(types: Iterable<EventType>): EventType[] {
  const given = new Set(types);
  return eventTypes.filter((type) => given.has(type));
}

/** True where both hold the same types, in whatever order. */
export function sameTypes(one: Iterable<EventType>, other: Iterable<EventType>): boolean {
  return inOrder(one).join() === inOrder(other).join();
}

/** What a lane's cursor remembers of the types that are its own. */
export function typesToRemember(types: readonly EventType[]): Readonly<Record<string, unknown>> {
  return { [KEY]: inOrder(types) };
}

/** The types that a lane reads: as it remembers them, else by the services it asks for. */
export function typesRead({
  extensions,
  position: { services },
}: Pick<Cursor, 'extensions' | 'position'>): EventType[] {
  const remembered = extensions[KEY];
  if (Array.isArray(remembered)) return eventTypes.filter((type) => remembered.includes(type));
  return eventTypes.filter((type) => services.includes('all') || services.includes(HALLMARKS[type]));
}
