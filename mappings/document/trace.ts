import { ocsfTarget } from '../../schemas/ocsf-target.js';
import { floorToMillisecond, parseInstant } from '../instant.js';
import type { JsonObject, JsonValue } from '../json.js';
import { normalise } from '../normalise.js';
import { readHeader } from '../record.js';
import { redact } from '../redact.js';
import { type Leaf, leavesOf, nameOfPath, withLeaf } from './leaves.js';
import type { Sample } from './sample.js';

/** What became of a field of a record; `copied`: it is mapped, and stands in `unmapped` with the array that it is in. */
export type FieldResult = 'mapped' | 'copied' | 'unmapped' | 'redacted';

/** A field of one record and what it is in the event. */
export interface FieldTrace {
  readonly field: string;
  readonly result: FieldResult;
  /** Attributes that carry its value; of one that is not carried, those that it decides. */
  readonly attributes: readonly string[];
  readonly carried: boolean;
}

/** A sample with its event. */
export interface Traced {
  readonly sample: Sample;
  readonly event: JsonObject;
  readonly fields: readonly FieldTrace[];
}

/** When the samples were fetched, as far as the document is concerned: after every one of them. */
const FETCHED_AT = Date.UTC(2030, 0, 1);

/** Attributes put together from others, or that follow from every field: they say nothing about one of them. */
const COMPOSED = /^(message$|observables\b|raw_data|metadata\.uid$|metadata\.labels\b)/;
/** What follows from `class_uid` and `activity_id` alone. */
const IMPLIED = /^(type_uid|type_name|category_\w+|class_name|activity_name)/;
/** More attributes than these are told by the objects that hold them. */
const MOST_NAMED = 3;

/**
 * What becomes of each field of a record, found by mapping it again with that field changed, and without it: the document
 * says what the mappers do, not what somebody wrote about them.
 */
export function traceSample(sample: Sample): Traced {
  const event = eventOf(sample.value);
  if (event === undefined) throw new Error(`A sample of ${sample.service} ${sample.eventType} becomes no event`);
  const before = byPath(event);
  const redacted = redact(sample.value).value;
  const kept = new Set(leavesOf(event.unmapped ?? null).map(({ steps, value }) => `${nameOfPath(steps)} ${value}`));
  const fields = leavesOf(sample.value).map((leaf): FieldTrace => {
    const field = nameOfPath(leaf.steps);
    const nothing = { field, attributes: [], carried: true };
    if (at(redacted, leaf) !== leaf.value) return { ...nothing, result: 'redacted' };
    const isKept = kept.has(`${field} ${leaf.value}`);
    // Arrays are kept whole even where a part of them became an attribute.
    if (isKept && !leaf.steps.some((step) => typeof step === 'number')) return { ...nothing, result: 'unmapped' };
    const trace = traceLeaf(sample.value, event, before, leaf, isKept);
    if (!isKept) return { field, result: 'mapped', ...trace };
    return isOnlyKept(trace.attributes) ? { ...nothing, result: 'unmapped' } : { field, result: 'copied', ...trace };
  });
  return { sample, event, fields };
}

/** The event of a record; undefined where it becomes a dead letter. */
function eventOf(value: JsonValue): JsonObject | undefined {
  const received = { text: JSON.stringify(value), value, depth: 1 };
  const mapper = { name: 'jumpcloud-ocsf', version: '1.0.0' };
  const context = { rawData: true, fetchedAt: FETCHED_AT, mapper, target: ocsfTarget };
  const result = normalise(received, readHeader(received), context);
  return result.kind === 'event' ? (JSON.parse(result.event.text) as JsonObject) : undefined;
}

function traceLeaf(
  record: JsonObject,
  event: JsonObject,
  before: ReadonlyMap<string, string>,
  leaf: Leaf,
  isKept: boolean,
): Pick<FieldTrace, 'attributes' | 'carried'> {
  const marked = marker(leaf.value);
  const other = eventOf(withLeaf(record, leaf.steps, marked));
  const turned = changedPaths(before, other);
  const follows =
    other?.class_uid === event.class_uid
      ? attributePaths(other ?? {}, (value) => tells(value, marked)).filter((path) => turned.includes(path))
      : [];
  if (follows.length > 0) return { attributes: follows, carried: true };
  const changed = [...turned, ...changedPaths(before, eventOf(withLeaf(record, leaf.steps, null)))];
  const equal = isKept || isSmall(leaf.value) ? [] : attributePaths(event, (value) => value === leaf.value);
  // Of several fields with one value (`os`, `os_name`) one is read; the others are told by it.
  const carriers = changed.length === 0 ? equal : equal.filter((path) => changed.includes(path));
  if (carriers.length > 0) return { attributes: carriers, carried: true };
  return { attributes: decided(changed), carried: false };
}

function isOnlyKept(attributes: readonly string[]): boolean {
  return attributes.every((path) => path === 'message' || path === 'class_uid');
}

/** What stands in many places of any event. */
function isSmall(value: Leaf['value']): boolean {
  return typeof value === 'boolean' || (Number.isInteger(value) && Math.abs(Number(value)) < 100);
}

function attributePaths(event: JsonObject, wanted: (value: Leaf['value']) => boolean): string[] {
  const paths = leavesOf(event)
    .filter(({ value }) => wanted(value))
    .map(({ steps }) => nameOfPath(steps));
  return unique(paths.filter(isAttribute));
}

/** Whether an attribute tells a field's value: whole, within a text, or as an instant in another form. A flag tells nothing by itself. */
function tells(value: Leaf['value'], sought: Leaf['value']): boolean {
  if (typeof sought === 'boolean') return false;
  if (value === sought) return true;
  if (typeof value === 'string') return String(sought).length > 1 && value.includes(String(sought));
  const instant = parseInstant(sought);
  return instant !== undefined && value === floorToMillisecond(instant);
}

/** Attributes that a field decides without being in them: the class where it is that, else few by name, many by their objects. */
function decided(changed: readonly string[]): string[] {
  if (changed.includes('class_uid')) return ['class_uid'];
  const names = unique(changed.filter((path) => !IMPLIED.test(path)));
  if (names.length === 0) return ['message'];
  const ids = names.filter((path) => !names.includes(`${path}_id`));
  return ids.length > MOST_NAMED ? unique(ids.map((path) => path.split(/[.[]/)[0]!)) : ids;
}

/** @param before the values of the event that `other` is compared with */
function changedPaths(before: ReadonlyMap<string, string>, other: JsonObject | undefined): string[] {
  if (other === undefined) return [];
  const after = byPath(other);
  const gone = [...before.keys()].filter((path) => !after.has(path));
  const changed = [...after.keys()].filter((path) => before.get(path) !== after.get(path));
  return unique([...gone, ...changed]).filter(isAttribute);
}

function isAttribute(path: string): boolean {
  return !COMPOSED.test(path) && !/^unmapped\b/.test(path);
}

/** The values of an event by path, those of an array's places together. */
function byPath(event: JsonObject): Map<string, string> {
  const values = new Map<string, string>();
  for (const { steps, value } of leavesOf(event)) {
    const path = nameOfPath(steps);
    values.set(path, `${values.get(path) ?? ''} ${value}`);
  }
  return values;
}

/** Another value of the same kind. */
function marker(value: Leaf['value']): Leaf['value'] {
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'number') return value + 1;
  if (parseInstant(value) !== undefined) return value.replace(/^\d{4}/, '2019');
  if (/^\d+\.\d+\.\d+\.\d+/.test(value)) return value.replace(/^\d+\.\d+/, '203.7');
  if (/^[0-9a-f]*:[0-9a-f:]+$/i.test(value)) return `${value.slice(0, value.lastIndexOf(':'))}:7a7a`;
  return `${value}qz`;
}

function at(value: JsonValue, { steps }: Leaf): unknown {
  return steps.reduce<unknown>((within, step) => (within as Record<string | number, unknown> | null)?.[step], value);
}

function unique(paths: readonly string[]): string[] {
  return [...new Set(paths)].sort();
}
