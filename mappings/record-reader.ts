import { isObject, type JsonObject, type JsonValue } from './json.js';

/**
 * A record while it is being mapped. It remembers which members became part of the event, so that all others can be
 * put under `unmapped` and none is forgotten. The record itself is never changed.
 */
export class Reading {
  /** Objects of which something was taken, and its names at the same place. They are few: a list is quicker than a map. */
  readonly #objects: JsonObject[] = [];
  readonly #names: string[][] = [];

  constructor(readonly record: JsonObject) {}

  /** Notes that a member's value is in the event. */
  take(of: JsonObject | undefined, key: string): void {
    if (of === undefined) return;
    const names = this.#taken(of);
    if (names === undefined) {
      this.#objects.push(of);
      this.#names.push([key]);
    } else names.push(key);
  }

  /** A text that is not blank, left for `unmapped` unless it is taken later. */
  peek(of: JsonObject | undefined, key: string): string | undefined {
    const value = of?.[key];
    return typeof value === 'string' && !isBlank(value) ? value : undefined;
  }

  /** A text that is not blank; taken. */
  text(of: JsonObject | undefined, key: string): string | undefined {
    const value = this.peek(of, key);
    if (value !== undefined) this.take(of, key);
    return value;
  }

  /** A text or a number as text; taken. */
  code(of: JsonObject | undefined, key: string): string | undefined {
    const value = of?.[key];
    if (typeof value !== 'number') return this.text(of, key);
    this.take(of, key);
    return String(value);
  }

  /** A boolean, also where it is spelled as a text; taken. */
  flag(of: JsonObject | undefined, key: string): boolean | undefined {
    const value = this.peekFlag(of, key);
    if (value !== undefined) this.take(of, key);
    return value;
  }

  /** A boolean, also where it is spelled as a text; left for `unmapped` unless it is taken later. */
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

  /** The objects of a member that is an array. */
  objects(of: JsonObject | undefined, key: string): JsonObject[] {
    const value = of?.[key];
    return Array.isArray(value) ? value.filter(isObject) : [];
  }

  /**
   * What was not taken, in its own nesting; undefined where nothing is left. Null, '', {} and [] say nothing and are left
   * out, except inside arrays (`changes[].from` may be null), which are kept whole unless a part of them was taken.
   */
  rest(): JsonObject | undefined {
    return this.#restOf(this.record);
  }

  #taken(object: JsonObject): string[] | undefined {
    const at = this.#objects.indexOf(object);
    return at < 0 ? undefined : this.#names[at];
  }

  #restOf(object: JsonObject): JsonObject | undefined {
    const taken = this.#taken(object);
    const rest: JsonObject = {};
    let some = false;
    for (const key in object) {
      if (taken?.includes(key)) continue;
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

  /** Whether something in the object, at any depth, was taken. */
  #touched(object: JsonObject): boolean {
    if (this.#taken(object) !== undefined) return true;
    for (const key in object) {
      const value = object[key];
      if (isObject(value) && this.#touched(value)) return true;
    }
    return false;
  }
}

/** Whether there is nothing but white space. Most texts begin with a visible ASCII character, which settles it. */
function isBlank(text: string): boolean {
  const first = text.charCodeAt(0);
  return !(first > 0x20 && first < 0x7f) && text.trim() === '';
}
