import { asCollectorError } from '../errors.js';
import type { Problem } from './answers.js';

/** A refusal on its way to a client; thrown by handlers, written by the server as RFC 9457 says. */
export class Refused extends Error {
  override readonly name = 'Refused';

  constructor(
    readonly problem: Problem,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(problem.detail);
  }
}

type Extra = Omit<Partial<Problem>, 'type' | 'title' | 'status' | 'code' | 'detail' | 'cure'>;

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Not logged in',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  411: 'Length required',
  412: 'Changed in the meantime',
  413: 'Too large',
  415: 'Not JSON',
  421: 'Other host',
  422: 'Not valid',
  429: 'Too many requests',
  500: 'Internal error',
  502: 'Refused elsewhere',
  503: 'Not now',
};

/** A refusal to be thrown. */
export function refused(status: number, code: string, detail: string, cure: string, extra: Extra = {}): Refused {
  const title = TITLES[status] ?? 'Refused';
  return new Refused({ type: 'about:blank', title, status, code, detail, cure, ...extra });
}

/** What a handler threw, as a refusal: codes of the collector are mapped to statuses, anything unforeseen is a 500. */
export function asRefused(error: unknown): Refused {
  if (error instanceof Refused) return error;
  const { code, message, cure } = asCollectorError(error);
  return code === 'INTERNAL'
    ? refused(500, code, 'Something went wrong here; the log says what.', cure)
    : refused(STATUS_OF[code] ?? 502, code, message, cure);
}

const STATUS_OF: Readonly<Record<string, number>> = {
  USAGE: 422,
  CONFIG_INVALID: 422,
  CONFIG_UNREADABLE: 422,
  BASE_URL_WRONG: 422,
  CREDENTIAL_MISSING: 422,
  CREDENTIAL_REFUSED: 422,
  ORGANIZATION_MISSING: 422,
  ORGANIZATION_WRONG: 422,
  ORGANIZATION_CHANGED: 409,
  LANE_IN_USE: 409,
  STATE_CORRUPT: 409,
  QUERY_REFUSED: 422,
  QUERY_LIMIT_REACHED: 422,
  STORAGE_FAILED: 503,
  SINK_UNAVAILABLE: 503,
  ABORTED: 503,
};
