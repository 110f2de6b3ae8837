import { isUtf8 } from 'node:buffer';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import type { JsonValue } from '../../mappings/json.js';

/** Bytes that a body may have, before and after decompression. */
export const LARGEST_BODY = 1024 * 1024;
/** Levels of nesting that are read; JumpCloud's own stay under ten. */
const DEEPEST_BODY = 64;

const decoders = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
} as const;

/** A body without its content coding; `too_large` and `not_decoded` where there is none to have. */
export async function decodeBody(body: Buffer, encoding: string): Promise<Buffer | 'too_large' | 'not_decoded'> {
  const name = encoding.trim().toLowerCase();
  if (name === '' || name === 'identity') return body;
  if (!(name in decoders)) return 'not_decoded';
  try {
    return await decoders[name as keyof typeof decoders](body, { maxOutputLength: LARGEST_BODY });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return code === 'ERR_BUFFER_TOO_LARGE' ? 'too_large' : 'not_decoded';
  }
}

/** A body as text, with its value where it is JSON. */
export interface ReadBody {
  readonly text: string;
  /** Undefined: it is no JSON, or none that is read. */
  readonly value: JsonValue | undefined;
  /** Why there is no value. */
  readonly problem: string | undefined;
}

/** Reads a body. Total: any bytes become a text. */
export function readBody(body: Buffer): ReadBody {
  const text = body.toString('utf8');
  if (!isUtf8(body)) return { text, value: undefined, problem: 'The body is not UTF-8.' };
  if (isDeeper(text))
    return { text, value: undefined, problem: `The body is nested more than ${DEEPEST_BODY} levels deep.` };
  try {
    return { text, value: JSON.parse(text) as JsonValue, problem: undefined };
  } catch {
    return { text, value: undefined, problem: text === '' ? 'The body is empty.' : 'The body is not JSON.' };
  }
}

function isDeeper(text: string): boolean {
  let depth = 0;
  let inText = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (inText) {
      if (character === '\\') index += 1;
      else if (character === '"') inText = false;
    } else if (character === '"') inText = true;
    else if (character === '{' || character === '[') {
      depth += 1;
      if (depth > DEEPEST_BODY) return true;
    } else if (character === '}' || character === ']') depth -= 1;
  }
  return false;
}
