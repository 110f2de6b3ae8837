import type { IncomingHttpHeaders } from 'node:http';
import { type Duplex, pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { got } from 'got';
import { CollectorError } from '../../errors.js';
import { userAgent } from '../../version.js';
import { linkedSignal, type Timing } from './abort.js';
import { damaged } from './json-body.js';
import type { ServerClock } from './server-clock.js';
import type { Transport } from './transport.js';

/** Limits of one request in milliseconds, each from its own beginning. */
export interface Deadlines {
  /** Name resolution, TCP, TLS and a proxy's tunnel, each. */
  readonly connectMs: number;
  /** From the sent request to the first line of the answer. */
  readonly responseMs: number;
  /** All of it, to the last byte of the body. */
  readonly requestMs: number;
}

export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Bytes of the body after decompression that a 200 may have. */
  readonly maxBytes: number;
  /** Reads the body of a 200 that has more, in place of refusing it; nothing of it is held. */
  readonly beyond?: (() => BodyReader) | undefined;
}

/** Takes in a body part by part. */
export interface BodyReader {
  write(chunk: Buffer): void;
  /** After the last part: what stands for the body, or why nothing can. */
  end(): PassedBody | 'cut' | 'unusable';
}

/** What stands for a body that was read past. */
export interface PassedBody {
  readonly body: Buffer;
  /** Bytes and SHA-256 of what the body held. */
  readonly bytes: number;
  readonly sha256: string;
}

/** One complete answer, whatever its status. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Decompressed; of anything but a 200 only the beginning. */
  readonly body: Buffer;
  /** Size and hash of the record for which `body` stands, where it was larger than the cap. */
  readonly passed: Omit<PassedBody, 'body'> | undefined;
  /** Local epoch milliseconds at the last byte. */
  readonly arrivedAt: number;
  /** Epoch milliseconds of the Date header; undefined where it is missing. */
  readonly serverDate: number | undefined;
  readonly requestId: string | undefined;
}

/** Sends one request and reads the whole answer; no repetition, no redirect. @throws whatever got, zlib or the cap throw. */
export type SendRequest = (request: Request, signal?: AbortSignal) => Promise<Answer>;

/** An error page is only quoted from. */
const MAX_ERROR_BYTES = 65_536;
/** A body that is read past ends before this: its last byte may never come. */
const MAX_PASSED_BYTES = 256 * 1024 * 1024;

export function createSendRequest(
  transport: Transport,
  deadlines: Deadlines,
  clock: ServerClock,
  timing: Timing,
): SendRequest {
  return async (request, signal) => {
    const linked = linkedSignal(signal);
    try {
      return await send(request, linked.signal);
    } finally {
      linked.unlink();
    }
  };

  async function send(request: Request, signal: AbortSignal): Promise<Answer> {
    const sentAt = timing.monotonic();
    const stream = got.stream(request.url, {
      method: request.method,
      headers: { ...request.headers, 'user-agent': userAgent, 'accept-encoding': 'gzip' },
      ...(request.body === undefined ? {} : { body: request.body }),
      agent: transport.agents(new URL(request.url)),
      signal,
      timeout: {
        lookup: deadlines.connectMs,
        connect: deadlines.connectMs,
        secureConnect: deadlines.connectMs,
        response: deadlines.responseMs,
        request: deadlines.requestMs,
      },
      retry: { limit: 0 },
      followRedirect: false,
      throwHttpErrors: false,
      decompress: false,
    });
    const { statusCode: status, headers } = await begun(stream);
    const serverDate = clock.observe(headers.date, sentAt);
    const { body, ...passed } = await readBody(stream, headers['content-encoding'], status === 200, request);
    const requestId = headers['x-request-id'];
    return {
      status,
      headers,
      body,
      passed: 'sha256' in passed ? passed : undefined,
      arrivedAt: timing.now(),
      serverDate,
      requestId: typeof requestId === 'string' ? requestId : undefined,
    };
  }
}

type GotStream = ReturnType<typeof got.stream>;

function begun(stream: GotStream): Promise<{ statusCode: number; headers: IncomingHttpHeaders }> {
  return new Promise((resolve, reject) => {
    stream.once('response', resolve);
    // got takes such an answer for the end of its request, and every deadline with it.
    stream.once('upgrade', (_: unknown, socket: Duplex) => {
      reject(damaged('it changes the protocol'));
      socket.destroy();
      stream.destroy();
    });
    // Stays on: an error between the answer's head and the reading of its body must not be without a listener.
    stream.on('error', reject);
  });
}

async function readBody(
  stream: Readable,
  encoding: string | undefined,
  whole: boolean,
  { maxBytes, beyond }: Request,
): Promise<PassedBody | { readonly body: Buffer }> {
  const limit = whole ? maxBytes : MAX_ERROR_BYTES;
  let chunks: Buffer[] = [];
  let bytes = 0;
  let reader: BodyReader | undefined;
  for await (const chunk of decoded(stream, encoding) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes <= limit) continue;
    // Leaving the loop closes the connection.
    if (!whole) break;
    if (beyond === undefined || bytes > MAX_PASSED_BYTES) throw tooLarge(maxBytes);
    reader ??= beyond();
    for (const part of chunks) reader.write(part);
    chunks = [];
  }
  if (reader === undefined) return { body: Buffer.concat(chunks, Math.min(bytes, limit)) };
  const passed = reader.end();
  if (passed === 'cut') throw damaged('it ends in the middle');
  if (passed === 'unusable') throw tooLarge(maxBytes);
  return passed;
}

function decoded(stream: Readable, encoding: string | undefined): Readable {
  const name = encoding?.trim().toLowerCase() ?? '';
  if (name === '' || name === 'identity') return stream;
  if (name === 'gzip' || name === 'x-gzip') {
    // The reader of the last stream sees every error; there is nothing left to do here.
    return pipeline(stream, createGunzip(), () => {});
  }
  stream.destroy();
  throw new CollectorError(
    'RESPONSE_INVALID',
    `the answer is encoded as ${JSON.stringify(name.slice(0, 20))}, which was not asked for`,
    {
      cure: 'Look for a proxy that changes answers.',
      transient: true,
    },
  );
}

function tooLarge(maxBytes: number): CollectorError {
  return new CollectorError('RESPONSE_TOO_LARGE', `the answer is larger than ${maxBytes} bytes`, {
    cure: 'A search starts again by itself with fewer records per page; if it stays, look for a proxy that changes answers.',
  });
}
