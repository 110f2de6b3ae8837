import { readSorted } from './sorted-file.js';

const ID_BYTES = 12;

/** Ids of a sorted file, in twelve bytes each: a set of texts takes ten times as much. */
export class IdSet {
  #ids = Buffer.alloc(0);
  #size = 0;

  constructor(path: string | undefined) {
    for (const { key } of readSorted(path)) {
      const end = (this.#size + 1) * ID_BYTES;
      if (end > this.#ids.length) this.#ids = Buffer.concat([this.#ids], Math.max(end, this.#ids.length * 2));
      key.copy(this.#ids, end - ID_BYTES);
      this.#size += 1;
    }
  }

  /** @param id 24 hexadecimal digits */
  has(id: string): boolean {
    const wanted = Buffer.from(id, 'hex');
    let low = 0;
    let high = this.#size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = middle * ID_BYTES;
      const order = this.#ids.compare(wanted, 0, ID_BYTES, at, at + ID_BYTES);
      if (order === 0) return true;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return false;
  }
}
