/*
 * The pages' only way to the server: operations of the API by name, held to its table of routes.
 */
import type { Bodies, Problem } from '../answers.js';
import { type Answers, API, type OperationId, PROOF_HEADER, ROUTES, type Route } from '../routes.js';
import { segment } from './addresses.js';
import { forgetProof, proof, sessionEnded } from './session.js';

/** What the server refused, with its code and its cure. */
export class Refusal extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

/** The server did not answer, or what answered is not the console: a proxy's page, or an answer that was cut. */
export class Unreachable extends Error {
  constructor() {
    super('The console does not answer. What you typed is kept; try again when it is back.');
  }
}

type BodyOf<Id extends OperationId> = (typeof ROUTES)[Id] extends { readonly body: infer Name extends keyof Bodies }
  ? Bodies[Name]
  : undefined;

export interface Request<Id extends OperationId> {
  /** Values of the path's `{segments}`. */
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: BodyOf<Id>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface Reply<T> {
  readonly value: T;
  readonly headers: Headers;
  readonly status: number;
}

/** The address of an operation. */
function addressOf<Id extends OperationId>(id: Id, { path = {}, query = {} }: Request<Id> = {}): string {
  const route: Route = ROUTES[id];
  const filled = route.path.replace(/\{(\w+)\}/g, (_, name: string) => segment(path[name] ?? ''));
  const given = Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return `${API}${filled}${given.length === 0 ? '' : `?${new URLSearchParams(given)}`}`;
}

/** Asks without reading the answer. @throws Refusal, Unreachable; AbortError where the signal ended it */
export async function open<Id extends OperationId>(id: Id, request: Request<Id> = {}): Promise<Response> {
  const route: Route = ROUTES[id];
  const shown = proof();
  let response: Response;
  try {
    response = await fetch(addressOf(id, request), {
      method: route.method,
      cache: 'no-store',
      credentials: 'same-origin',
      headers: {
        accept: 'application/json, application/problem+json',
        ...(shown === undefined ? {} : { [PROOF_HEADER]: shown }),
        ...(route.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...request.headers,
      },
      ...(route.body === undefined ? {} : { body: JSON.stringify(request.body ?? {}) }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
  } catch (error) {
    throw unlessAborted(error);
  }
  if (response.ok || response.status === 304) return response;
  if (response.status === 401 && id !== 'login') {
    if (shown !== undefined && shown === proof()) forgetProof();
    sessionEnded();
  }
  throw new Refusal(await problemOf(response));
}

/** Changes that are underway or were just made, by what they ask for. */
const changes = new Map<string, Promise<Reply<unknown>>>();
/** The second click of a double click comes as soon as this. */
const DOUBLE_CLICK_MS = 500;

/** Asks and reads the answer; a double click on what changes something asks once. @throws Refusal, Unreachable */
export function call<Id extends OperationId>(id: Id, request: Request<Id> = {}): Promise<Reply<Answers[Id]>> {
  if (ROUTES[id].method === 'GET' || request.signal !== undefined) return answerOf(id, request);
  const key = JSON.stringify([id, request]);
  const asked = (changes.get(key) as Promise<Reply<Answers[Id]>> | undefined) ?? answerOf(id, request);
  changes.set(key, asked);
  const forget = () => changes.delete(key);
  asked.then(() => setTimeout(forget, DOUBLE_CLICK_MS), forget);
  return asked;
}

async function answerOf<Id extends OperationId>(id: Id, request: Request<Id>): Promise<Reply<Answers[Id]>> {
  const response = await open(id, request);
  const text = await response.text().catch((error: unknown) => {
    throw unlessAborted(error);
  });
  const type = response.headers.get('content-type') ?? '';
  if (type.includes('html')) throw new Unreachable();
  const value = (text !== '' && type.includes('json') ? parsed(text) : text === '' ? undefined : text) as Answers[Id];
  return { value, headers: response.headers, status: response.status };
}

/** As `call`, the value alone. */
export async function ask<Id extends OperationId>(id: Id, request: Request<Id> = {}): Promise<Answers[Id]> {
  return (await call(id, request)).value;
}

/** The lines of an NDJSON answer as they come. @throws Refusal, Unreachable */
export async function* lines<Id extends OperationId>(id: Id, request: Request<Id>): AsyncGenerator<Answers[Id]> {
  const response = await open(id, {
    ...request,
    headers: { accept: 'application/x-ndjson, application/problem+json' },
  });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const read = () =>
    reader?.read().catch((error: unknown) => {
      throw unlessAborted(error);
    });
  let rest = '';
  for (let chunk = await read(); chunk && !chunk.done; chunk = await read()) {
    const parts = (rest + chunk.value).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) if (line.trim() !== '') yield parsed(line) as Answers[Id];
  }
  if (rest.trim() !== '') yield parsed(rest) as Answers[Id];
}

/** What a page is told of a failed fetch: that its own signal ended it, else that the server is not reached. */
function unlessAborted(error: unknown): unknown {
  return error instanceof DOMException && error.name === 'AbortError' ? error : new Unreachable();
}

/** @throws Unreachable for what is no JSON: it was cut, or is not the console's */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Unreachable();
  }
}

async function problemOf(response: Response): Promise<Problem> {
  try {
    const problem = (await response.json()) as Partial<Problem>;
    if (typeof problem.detail === 'string') return { cure: '', ...problem } as Problem;
  } catch {
    // Not of this server.
  }
  const title = `The console answered ${response.status}`;
  return { type: 'about:blank', title, status: response.status, code: 'UNKNOWN', detail: `${title}.`, cure: '' };
}
