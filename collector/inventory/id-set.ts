import { breathe } from '../clock.js';
import { readSorted } from './sorted-file.js';

const ID_BYTES = 12;

/** Ids of a sorted file, in twelve bytes each: a set of texts takes ten times as much. */
export class IdSet {
  #ids = Buffer.alloc(0);
  #size = 0;

  private constructor() {}

  static async read(path: string | undefined): Promise<IdSet> {
    const set = new IdSet();
    const pause = breathe();
    for (const { key } of readSorted(path)) {
      await pause();
      const end = (set.#size + 1) * ID_BYTES;
      if (end > set.#ids.length) set.#ids = Buffer.concat([set.#ids], Math.max(end, set.#ids.length * 2));
      key.copy(set.#ids, end - ID_BYTES);
      set.#size += 1;
    }
    return set;
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
