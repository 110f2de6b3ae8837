const longest = 100;

/** Keeps the values of a label that strangers choose to a few: the first ones by name, all others together. */
export class LabelLimiter {
  readonly #names = new Set<string>();

  constructor(private readonly most: number) {}

  /** The value itself (cut to 100 characters), or `other` once there are too many. */
  name(value: string): string {
    const cut = value.slice(0, longest).toWellFormed();
    if (this.#names.has(cut)) return cut;
    if (this.#names.size >= this.most) return 'other';
    this.#names.add(cut);
    return cut;
  }
}
