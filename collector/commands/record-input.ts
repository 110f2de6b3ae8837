import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { ReceivedRecord } from '../../mappings/record.js';
import { CollectorError } from '../errors.js';
import { splitArray } from '../jumpcloud/insights/split-array.js';

const BYTE_ORDER_MARK = '\ufeff';
const LINE_END = /\r\n|\n|\r/;

/**
 * Records out of UTF-8 text: one per line (NDJSON), JumpCloud's own answer (one array), or either of them indented over
 * several lines; as many at once as one piece of the input brought, each parsed when it is asked for: what all of a piece
 * become at once would outlive several collections of garbage. All of a piece are to be read before the next one.
 * A line that is no JSON value is taken as text: it becomes a dead letter like anything that is no object.
 * @throws CollectorError USAGE where the input is UTF-16
 */
export async function* readRecords(input: Readable): AsyncGenerator<Iterable<ReceivedRecord>> {
  let isFirst = true;
  let indented: IndentedValue | undefined;
  function* recordsIn(lines: readonly string[]): Generator<ReceivedRecord, void, void> {
    for (const written of lines) {
      const line = isFirst && written.startsWith(BYTE_ORDER_MARK) ? written.slice(1) : written;
      isFirst = false;
      if (indented?.isBrokenBy(line)) {
        yield* recordsOf(indented.text());
        indented = undefined;
      }
      if (indented !== undefined) {
        if (!indented.add(line)) continue;
        yield* recordsOf(indented.text());
        indented = undefined;
      } else if (/^\s*(?:\{|\[|\[\s*\{)\s*$/.test(line)) {
        indented = new IndentedValue(line);
      } else if (line.trim() !== '') yield* recordsOf(line);
    }
  }
  for await (const lines of linesOf(judged(input))) yield recordsIn(lines);
  if (indented !== undefined) yield recordsOf(indented.text());
}

/** The lines that each piece of the input ends. Pieces of one line are put together once. */
async function* linesOf(pieces: AsyncIterable<Buffer>): AsyncGenerator<readonly string[]> {
  const decoder = new StringDecoder('utf8');
  let begun = '';
  for await (const piece of pieces) {
    const [first = '', ...more] = decoder.write(piece).split(LINE_END);
    begun += first;
    const last = more.pop();
    if (last === undefined) continue;
    yield [begun, ...more];
    begun = last;
  }
  yield [begun + decoder.end()];
}

/** A JSON value over several lines, of which the first holds an opening bracket alone. */
class IndentedValue {
  readonly #lines: string[] = [];
  #depth = 0;

  constructor(line: string) {
    this.add(line);
  }

  /** Takes a line; true where it closes the value. */
  add(line: string): boolean {
    this.#lines.push(line);
    // A JSON string ends on its line: what brackets it holds do not count.
    for (const bracket of line.replace(/"(?:[^"\\]|\\.)*"/g, '').match(/[{}[\]]/g) ?? [])
      this.#depth += bracket === '{' || bracket === '[' ? 1 : -1;
    return this.#depth <= 0;
  }

  /** Within an indented object nothing begins at the margin: such a line is a record of its own. */
  isBrokenBy(line: string): boolean {
    return line.startsWith('{') && this.#lines[0]!.trim() === '{';
  }

  text(): string {
    return this.#lines.join('\n');
  }
}

/** The records of one JSON value: those of an array that holds objects, or that is empty; else the value itself. */
function recordsOf(text: string): ReceivedRecord[] {
  const received = split(`[${text}]`);
  const [only] = received ?? [];
  if (only === undefined || received?.length !== 1) return [{ text: JSON.stringify(text), value: text, depth: 0 }];
  if (!Array.isArray(only.value)) return [only];
  const members = split(only.text) ?? [];
  return members.length === 0 || members.some(({ text: member }) => member.startsWith('{')) ? members : [only];
}

function split(text: string): ReceivedRecord[] | undefined {
  try {
    return splitArray(text);
  } catch (error) {
    if (error instanceof CollectorError) return undefined;
    throw error;
  }
}

/** The input, of which the first bytes have been looked at. */
async function* judged(input: Readable): AsyncGenerator<Buffer> {
  let isFirst = true;
  for await (const chunk of input) {
    const piece = Buffer.from(chunk as Buffer);
    if (isFirst && isUtf16(piece))
      throw new CollectorError('USAGE', 'The records are UTF-16; map reads UTF-8.', {
        cure: 'Convert them: iconv -f UTF-16 -t UTF-8 FILE | jumpcloud-ocsf map',
      });
    isFirst = false;
    yield piece;
  }
}

/** UTF-16 begins with its mark, or has a zero in one of the first two bytes of ASCII text. */
function isUtf16([one, two]: Buffer): boolean {
  if (one === undefined || two === undefined) return false;
  return (one === 0xff && two === 0xfe) || (one === 0xfe && two === 0xff) || (one === 0) !== (two === 0);
}
