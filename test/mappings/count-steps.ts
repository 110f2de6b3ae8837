/*
 * A backtracking matcher that counts what it does: the engine's own gives no steps, and a clock would make tests depend on
 * the machine. It knows the parts of patterns that this project uses, and throws at any other.
 */

type Next = (at: number) => boolean;
interface Node {
  /** Tries to match at a place; calls `next` with each place where it may end. */
  readonly match: (at: number, next: Next) => boolean;
  /** For what is always one character: whether it stands at a place. */
  readonly one?: (at: number) => boolean;
}

/** Steps of finding all matches of a pattern in a text, from left to right. */
export function countSteps({ source, flags }: RegExp, text: string): number {
  let steps = 0;
  let position = 0;
  const single = flags.replace(/[gy]/g, '');

  const character = (is: (char: string) => boolean): Node => {
    const one = (at: number) => {
      steps += 1;
      return at < text.length && at >= 0 && is(text[at]!);
    };
    return { one, match: (at, next) => one(at) && next(at + 1) };
  };
  const check = (is: (at: number) => boolean): Node => ({
    match: (at, next) => {
      steps += 1;
      return is(at) && next(at);
    },
  });
  const sequence = (parts: readonly Node[]): Node => ({
    match: (at, next) => {
      const from = (index: number, place: number): boolean =>
        index === parts.length ? next(place) : parts[index]!.match(place, (end) => from(index + 1, end));
      return from(0, at);
    },
  });

  function alternatives(): Node {
    const all = [terms()];
    while (source[position] === '|') {
      position += 1;
      all.push(terms());
    }
    if (all.length === 1) return all[0]!;
    return { match: (at, next) => all.some((one) => one.match(at, next)) };
  }

  function terms(): Node {
    const parts: Node[] = [];
    while (position < source.length && source[position] !== '|' && source[position] !== ')') parts.push(quantified());
    return sequence(parts);
  }

  function quantified(): Node {
    const node = atom();
    const found = /^(?:[*+?]|\{(\d+)(?:,(\d*))?\})/.exec(source.slice(position));
    if (found === null) return node;
    const [least, most] = bounds(found);
    position += found[0].length;
    const lazy = source[position] === '?';
    if (lazy) position += 1;
    return repeat(node, least, most, lazy);
  }

  function bounds([sign, least = '', most]: RegExpExecArray): [number, number] {
    if (sign === '*') return [0, Infinity];
    if (sign === '+') return [1, Infinity];
    if (sign === '?') return [0, 1];
    if (!sign.includes(',')) return [Number(least), Number(least)];
    return [Number(least), most === '' ? Infinity : Number(most)];
  }

  function repeat(node: Node, least: number, most: number, lazy: boolean): Node {
    const { one } = node;
    if (one === undefined) {
      const go = (count: number, at: number, next: Next): boolean => {
        const more = () =>
          count < most && node.match(at, (end) => (end > at || count < least) && go(count + 1, end, next));
        const stop = () => count >= least && next(at);
        return lazy ? stop() || more() : more() || stop();
      };
      return { match: (at, next) => go(0, at, next) };
    }
    return {
      match: (at, next) => {
        let end = at;
        if (lazy) {
          for (;;) {
            if (end - at >= least && next(end)) return true;
            if (end - at >= most || !one(end)) return false;
            end += 1;
          }
        }
        while (end - at < most && one(end)) end += 1;
        for (; end - at >= least; end -= 1) if (next(end)) return true;
        return false;
      },
    };
  }

  function atom(): Node {
    const char = source[position]!;
    if (char === '(') return group();
    position += 1;
    if (char === '^') return check((at) => at === 0);
    if (char === '$') return check((at) => at === text.length);
    if (char === '.') return character((is) => is !== '\n');
    if (char === '[') return ofSource(/^\[(?:[^\]\\]|\\.)*\]/s, position - 1);
    if (char !== '\\') return ofPattern(char.replace(/[{}\]]/, '\\$&'));
    const escaped = /^\\(?:u[\da-fA-F]{4}|x[\da-fA-F]{2}|[pP]\{\w+\}|.)/s;
    if (source[position] !== 'b') return ofSource(escaped, position - 1);
    position += 1;
    const isWord = (at: number) => /\w/.test(text[at] ?? '');
    return check((at) => isWord(at) !== isWord(at - 1));
  }

  function ofSource(pattern: RegExp, start: number): Node {
    const [part] = pattern.exec(source.slice(start)) ?? [];
    if (part === undefined) throw new SyntaxError(`cannot count ${source}`);
    position = start + part.length;
    if (/^\\[1-9k]/.test(part)) throw new SyntaxError(`cannot count the reference in ${source}`);
    return ofPattern(part);
  }

  function ofPattern(part: string): Node {
    const pattern = new RegExp(`^(?:${part})$`, single);
    const known = new Map<string, boolean>();
    return character((char) => {
      let is = known.get(char);
      if (is === undefined) {
        is = pattern.test(char);
        known.set(char, is);
      }
      return is;
    });
  }

  function group(): Node {
    const [open] = /^\((?:\?(?::|<?[=!]|<\w+>))?/.exec(source.slice(position))!;
    position += open.length;
    const start = position;
    const inner = alternatives();
    const body = source.slice(start, position);
    position += 1;
    const matches = (at: number) => inner.match(at, () => true);
    if (open === '(?=') return check(matches);
    if (open === '(?!') return check((at) => !matches(at));
    if (!open.startsWith('(?<') || open.endsWith('>')) return inner;
    // Behind: few characters, the place where they begin is tried.
    const behind = new RegExp(`(?:${body})$`, single);
    const isBehind = (at: number) => behind.test(text.slice(Math.max(0, at - 20), at));
    return check((at) => isBehind(at) === (open === '(?<='));
  }

  const root = alternatives();
  const last = flags.includes('y') ? 0 : text.length;
  for (let from = 0; from <= last; ) {
    let end = -1;
    root.match(from, (place) => {
      end = place;
      return true;
    });
    from = end > from ? end : from + 1;
  }
  return steps;
}
