import type { DeadLetter } from '../../mappings/dead-letter.js';
import type { NormalisedEvent } from '../../mappings/event.js';
import type { JsonObject, JsonValue } from '../../mappings/json.js';
import { type NormaliseContext, normalise } from '../../mappings/normalise.js';
import { type ReceivedRecord, readHeader } from '../../mappings/record.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';

/** What the tests map with: no fetch time, no raw text, so that an event tells of the record alone. */
export const context: NormaliseContext = {
  rawData: false,
  mapper: { name: 'jumpcloud-ocsf', version: '0.0.0-test' },
  target: ocsfTarget,
};

/** A value as a page would bring it. */
export function receive(value: JsonValue, text = JSON.stringify(value)): ReceivedRecord {
  return { text, value, depth: depthOf(value) };
}

/** Levels of nesting, however deep. */
export function depthOf(value: JsonValue): number {
  let deepest = 0;
  const waiting: [JsonValue, number][] = [[value, 0]];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [one, level] = next;
    if (typeof one !== 'object' || one === null) continue;
    deepest = Math.max(deepest, level + 1);
    for (const member of Object.values(one)) waiting.push([member, level + 1]);
  }
  return deepest;
}

/** The outcome of a value. */
export function map(value: JsonValue, overrides: Partial<NormaliseContext> = {}, text?: string) {
  const received = receive(value, text);
  return normalise(received, readHeader(received), { ...context, ...overrides });
}

/** The finished event of a value that becomes one. */
export function finishedEvent(value: JsonValue, overrides?: Partial<NormaliseContext>, text?: string): NormalisedEvent {
  const outcome = map(value, overrides, text);
  if (outcome.kind === 'dead_letter') throw new Error(`a dead letter: ${JSON.stringify(outcome.deadLetter)}`);
  return outcome.event;
}

/** An event as tests look into it: every member may have members, as far as types go. */
export interface Tree {
  readonly [member: string]: Tree;
}

/** The event of a value, parsed. */
export function event(value: JsonValue, overrides?: Partial<NormaliseContext>, text?: string): Tree {
  return JSON.parse(finishedEvent(value, overrides, text).text) as Tree;
}

/** The dead letter of a value that becomes one. */
export function deadLetter(value: JsonValue, overrides?: Partial<NormaliseContext>, text?: string): DeadLetter {
  const outcome = map(value, overrides, text);
  if (outcome.kind === 'event') throw new Error(`an event: ${outcome.event.text}`);
  return outcome.deadLetter;
}

export const organization = '5f0000000000000000000001';
export const ana = { id: '66a0c0ffee0000000000b001', type: 'user', username: 'ana.lima' };
export const ops = { id: '66a0c0ffee0000000000b002', type: 'admin', email: 'ops@example.test' };
export const geoip = {
  country_code: 'PT',
  region_code: '11',
  region_name: 'Lisbon',
  continent_code: 'EU',
  timezone: 'Europe/Lisbon',
  latitude: 38.7219,
  longitude: -9.1398,
};
export const laptop = { id: '61bb00000000000000000004', hostname: 'LT-04', displayName: 'Laptop 4' };

/** A plausible record of a type, with what the test is about put over it. */
export function record(service: string, eventType: string, more: JsonObject = {}): JsonObject {
  return {
    id: '66a0c0ffee0000000000a001',
    event_type: eventType,
    service,
    organization,
    '@version': '1',
    timestamp: '2025-03-01T08:15:30.123Z',
    initiated_by: ops,
    client_ip: '198.51.100.7',
    geoip,
    ...more,
  };
}

/** A record of one person changing another's account. */
export function change(eventType: string, more: JsonObject = {}): JsonObject {
  return record('directory', eventType, { resource: ana, ...more });
}
