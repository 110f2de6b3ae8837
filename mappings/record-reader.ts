import type { Captions, OcsfTarget } from '../schemas/ocsf-target.js';
import { isMarkedNumber } from './exact-numbers.js';
import { isObject, type JsonObject, type JsonValue } from './json.js';

/**
 * Reads a record while it is mapped, and notes which members are in the event ("consumed"): `unconsumed` is the rest,
 * for `unmapped`, so that no member is lost. The record itself is never changed.
 */
export class RecordReader {
  /** Objects with consumed members, and the names of those members at the same index. They are few: a list is faster than a map. */
  readonly #objects: JsonObject[] = [];
  readonly #names: string[][] = [];

  constructor(
    readonly record: JsonObject,
    /** The release that the event is written to. */
    readonly target: OcsfTarget,
  ) {}

  /** The target's caption of an id that it has. */
  caption(of: keyof Captions, id: number): string {
    return this.target.captions[of][id]!;
  }

  /** Notes that a member's value is in the event. */
  consume(of: JsonObject | undefined, key: string): void {
    if (of === undefined) return;
    const names = this.#consumed(of);
    if (names === undefined) {
      this.#objects.push(of);
      this.#names.push([key]);
    } else names.push(key);
  }

  /** A text that is not blank; not consumed. */
  peek(of: JsonObject | undefined, key: string): string | undefined {
    const value = of?.[key];
    return typeof value === 'string' && !isBlank(value) && !isMarkedNumber(value) ? value : undefined;
  }

  /** A text that is not blank; consumed. */
  text(of: JsonObject | undefined, key: string): string | undefined {
    const value = this.peek(of, key);
    if (value !== undefined) this.consume(of, key);
    return value;
  }

  /** A text, or a number as text; consumed. */
  code(of: JsonObject | undefined, key: string): string | undefined {
    const value = of?.[key];
    if (typeof value !== 'number') return this.text(of, key);
    this.consume(of, key);
    return String(value);
  }

  /** A boolean, also one that is spelled as a text; consumed. */
  flag(of: JsonObject | undefined, key: string): boolean | undefined {
    const value = this.peekFlag(of, key);
    if (value !== undefined) this.consume(of, key);
    return value;
  }

  /** A boolean, also one that is spelled as a text; not consumed. */
  peekFlag(of: JsonObject | undefined, key: string): boolean | undefined {
    const value = of?.[key];
    if (typeof value === 'boolean') return value;
    return value === 'true' ? true : value === 'false' ? false : undefined;
  }

  /** A member that is an object. */
  object(of: JsonObject | undefined, key: string): JsonObject | undefined {
    const value = of?.[key];
    return isObject(value) ? value : undefined;
  }

  /** Who initiated the event; some records have it as an array of one. */
  get initiator(): JsonObject | undefined {
    const { initiated_by: value } = this.record;
    return isObject(value) ? value : this.objects(this.record, 'initiated_by')[0];
  }

  /** The objects of a member that is an array. */
  objects(of: JsonObject | undefined, key: string): JsonObject[] {
    const value = of?.[key];
    return Array.isArray(value) ? value.filter(isObject) : [];
  }

  /**
   * What was not consumed, in its own nesting; undefined where nothing is left. Null, '', {} and [] carry no information
   * and are left out, except inside arrays (`changes[].from` may be null), which are kept whole unless a part was consumed.
   */
  unconsumed(): JsonObject | undefined {
    return this.#restOf(this.record);
  }

  #consumed(object: JsonObject): string[] | undefined {
    const at = this.#objects.indexOf(object);
    return at < 0 ? undefined : this.#names[at];
  }

  #restOf(object: JsonObject): JsonObject | undefined {
    const consumed = this.#consumed(object);
    const rest: JsonObject = {};
    let some = false;
    for (const key in object) {
      if (consumed !== undefined && isIn(consumed, key)) continue;
      const value = this.#restOfValue(object[key]!);
      if (value === undefined) continue;
      rest[key] = value;
      some = true;
    }
    return some ? rest : undefined;
  }

  #restOfValue(value: JsonValue): JsonValue | undefined {
    if (value === null || value === '') return undefined;
    if (typeof value !== 'object') return value;
    if (!Array.isArray(value)) return this.#restOf(value);
    if (value.length === 0) return undefined;
    if (!value.some((member) => isObject(member) && this.#touched(member))) return value;
    const left = value.map((member) => this.#restOfValue(member)).filter((member) => member !== undefined);
    return left.length > 0 ? left : undefined;
  }

  /** Whether a member of the object, at any depth, was consumed. */
  #touched(object: JsonObject): boolean {
    if (this.#consumed(object) !== undefined) return true;
    for (const key in object) {
      const value = object[key];
      if (isObject(value) && this.#touched(value)) return true;
    }
    return false;
  }
}

/** As `includes`, which takes longer since it compares values of any kind. */
function isIn(names: readonly string[], name: string): boolean {
  for (let index = 0; index < names.length; index += 1) if (names[index] === name) return true;
  return false;
}

/** Whether there is nothing but white space. Most texts begin with a visible ASCII character, which settles it. */
function isBlank(text: string): boolean {
  const first = text.charCodeAt(0);
  return !(first > 0x20 && first < 0x7f) && text.trim() === '';
}
