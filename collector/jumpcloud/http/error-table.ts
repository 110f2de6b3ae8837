import { CollectorError, type ErrorCode } from '../../errors.js';
import type { Purpose } from './observer.js';
import { messageOf, safeExcerpt } from './safe-excerpt.js';

/** What the messages may speak of. */
export interface Circumstances {
  readonly purpose: Purpose;
  readonly host: string;
  /** Where the operator puts the credential: an environment name or a file. */
  readonly where: string;
  /** True where x-org-id was sent. */
  readonly organizationNamed: boolean;
  /** Texts that must not appear in a message, besides what looks like a key anyway. */
  readonly secrets: readonly string[];
}

/** Meaning and cure may hold {status}, {host}, {where}, {phase}, {said}, {target}. */
interface Verdict {
  readonly code: ErrorCode;
  readonly meaning: string;
  readonly cure: string;
  /** True where the same request may succeed later by itself. */
  readonly transient: boolean;
}

/** A row holds where all its conditions do; the first that holds decides. */
interface StatusRow extends Verdict {
  /** One status, or first and last of a range. */
  readonly status: number | readonly [number, number];
  readonly purpose?: Purpose;
  readonly says?: RegExp;
  readonly html?: boolean;
  /** Whether the body is a JSON object: what stands in between answers otherwise. */
  readonly json?: boolean;
  readonly organizationNamed?: boolean;
}

interface ExceptionRow extends Verdict {
  /** Of the error's code. */
  readonly when: RegExp;
  /** Of its message, where the code says too little. */
  readonly says?: RegExp;
}

const PAUSE = 'It is tried again by itself; the position is kept.';
const ORGANIZATION = /organi[sz]ation|\borg[-_ ]?id\b/i;
// Stricter for a 401: "invalid key for this organization" must stay a matter of the key.
const NO_ORGANIZATION =
  /\bno organi[sz]ation|organi[sz]ation (is |was )?(not |un)?(selected|specified|required|missing)|\borg[-_ ]?id\b/i;

/** HTTP answers other than 200 and what they mean (README.md 1.5, 2.1). */
export const statusTable: readonly StatusRow[] = [
  {
    status: [300, 399],
    code: 'BASE_URL_WRONG',
    transient: false,
    meaning: 'the answer points to {target}; it was not followed, because that would carry the key to another place',
    cure: 'Set jumpcloud.baseUrl to the API itself; if that is what it is, a proxy or login page stands in between.',
  },
  {
    status: 400,
    purpose: 'token',
    says: /invalid_client|unauthorized_client/i,
    code: 'CREDENTIAL_REFUSED',
    transient: false,
    meaning: 'the token endpoint knows no such client id and secret',
    cure: 'Put the client id and a valid client secret in {where}; the position is kept.',
  },
  {
    status: [400, 403],
    purpose: 'token',
    says: /invalid_scope|access_denied/i,
    code: 'ROLE_REFUSED',
    transient: false,
    meaning: 'the service account may not have the scope api',
    cure: 'Give the service account a role that may read Directory Insights.',
  },
  {
    status: 401,
    purpose: 'token',
    code: 'CREDENTIAL_REFUSED',
    transient: false,
    meaning: 'the client id or secret is wrong, revoked or expired',
    cure: 'Put the new client secret in {where}; the position is kept.',
  },
  {
    status: 400,
    says: ORGANIZATION,
    organizationNamed: true,
    code: 'ORGANIZATION_WRONG',
    transient: false,
    meaning: 'the organization named by jumpcloud.orgId is not one of this key',
    cure: 'Correct jumpcloud.orgId: Admin Portal, Settings, Organization Profile, Organization ID.',
  },
  {
    status: 400,
    says: ORGANIZATION,
    organizationNamed: false,
    code: 'ORGANIZATION_MISSING',
    transient: false,
    meaning: 'no organization is named, and this credential needs one: it serves several, or is a service account',
    cure: 'Set jumpcloud.orgId: Admin Portal, Settings, Organization Profile, Organization ID.',
  },
  {
    status: 400,
    says: /start.?time|end.?time/i,
    code: 'QUERY_REFUSED',
    transient: false,
    meaning: 'the window asked for was refused',
    cure: 'Check the clocks and poll.start; the next poll asks for a new window and the position is kept.',
  },
  {
    status: [400, 400],
    code: 'QUERY_REFUSED',
    transient: false,
    meaning: 'the query was refused',
    cure: 'The next poll asks again and the position is kept; if it stays, please report it with what JumpCloud said.',
  },
  {
    status: 401,
    says: NO_ORGANIZATION,
    organizationNamed: false,
    code: 'ORGANIZATION_MISSING',
    transient: false,
    meaning: 'no organization is named, and this credential needs one: it serves several, or is a service account',
    cure: 'Set jumpcloud.orgId: Admin Portal, Settings, Organization Profile, Organization ID.',
  },
  {
    status: 401,
    says: NO_ORGANIZATION,
    organizationNamed: true,
    code: 'ORGANIZATION_WRONG',
    transient: false,
    meaning: 'the key has no access to the organization named by jumpcloud.orgId',
    cure: 'Correct jumpcloud.orgId, or use a key of that organization.',
  },
  {
    status: 401,
    code: 'CREDENTIAL_REFUSED',
    transient: false,
    meaning: 'the key was revoked or has expired',
    cure: 'Put the new one in {where}; the position is kept.',
  },
  {
    status: 402,
    code: 'NOT_LICENSED',
    transient: false,
    meaning: 'Directory Insights is not licensed for this organization, or not so far back',
    cure: 'Enable Directory Insights in the JumpCloud plan, or start later (poll.start): plans keep 15 or 90 days.',
  },
  {
    status: 403,
    html: true,
    code: 'UNREACHABLE',
    transient: true,
    meaning: 'a firewall in front of JumpCloud, not JumpCloud itself, refused the request',
    cure: `Check whether this address is blocked. ${PAUSE}`,
  },
  {
    status: 403,
    says: /organi[sz]ation selection/i,
    code: 'ORGANIZATION_WRONG',
    transient: false,
    meaning: 'this key may not name an organization',
    cure: 'Leave jumpcloud.orgId out.',
  },
  {
    status: 403,
    purpose: 'console',
    code: 'ROLE_REFUSED',
    transient: false,
    meaning: 'this role may not read administrators or service accounts',
    cure: 'Nothing is lost: declare the date with jumpcloud.keyExpires or jumpcloud.keyCreated.',
  },
  {
    status: 404,
    purpose: 'console',
    code: 'QUERY_REFUSED',
    transient: false,
    meaning: 'the console has no such route',
    cure: 'Nothing is lost: declare the date with jumpcloud.keyExpires or jumpcloud.keyCreated.',
  },
  {
    status: 403,
    purpose: 'directory',
    code: 'ROLE_REFUSED',
    transient: false,
    meaning: 'this role may not read that part of the directory',
    cure: 'Give the administrator or service account a role with that scope.',
  },
  {
    status: 404,
    purpose: 'directory',
    json: true,
    code: 'QUERY_REFUSED',
    transient: false,
    meaning: 'the directory has no such object or route',
    cure: 'Nothing was removed for it; if it stays, please report it with what JumpCloud said.',
  },
  {
    status: 404,
    purpose: 'directory',
    code: 'UNREACHABLE',
    transient: false,
    meaning: 'the answer is not of JumpCloud: a proxy or edge in between knows no such page',
    cure: 'See who answers in the console’s place. Nothing was removed for it.',
  },
  {
    status: 403,
    code: 'ROLE_REFUSED',
    transient: false,
    meaning: "the role of the key's administrator may not read Directory Insights",
    cure: 'Use a key of an administrator whose role may; Command Runner roles may not.',
  },
  {
    status: 404,
    says: ORGANIZATION,
    organizationNamed: true,
    code: 'ORGANIZATION_WRONG',
    transient: false,
    meaning: 'JumpCloud knows no organization with the id in jumpcloud.orgId',
    cure: 'Correct jumpcloud.orgId: Admin Portal, Settings, Organization Profile, Organization ID.',
  },
  {
    status: 404,
    code: 'BASE_URL_WRONG',
    transient: false,
    meaning: 'there is no event API at this address',
    cure: 'Check jumpcloud.baseUrl and jumpcloud.region.',
  },
  {
    status: 407,
    code: 'UNREACHABLE',
    transient: false,
    meaning: 'the proxy wants a user name and password',
    cure: 'Put them into HTTPS_PROXY as http://user:password@host:port.',
  },
  {
    status: [408, 408],
    code: 'TIMED_OUT',
    transient: true,
    meaning: 'JumpCloud gave up waiting for the request',
    cure: PAUSE,
  },
  {
    status: 413,
    code: 'RESPONSE_TOO_LARGE',
    transient: false,
    meaning: 'the answer would be too large',
    cure: 'The search starts again with fewer records a page, by itself.',
  },
  {
    status: 425,
    code: 'SERVER_ERROR',
    transient: true,
    meaning: 'JumpCloud was not ready for the request',
    cure: PAUSE,
  },
  {
    status: 429,
    code: 'RATE_LIMITED',
    transient: true,
    meaning: 'too many requests for this organization',
    cure: `Lower poll.requestsPerSecond if it stays: other programs share the allowance. ${PAUSE}`,
  },
  {
    status: [400, 499],
    code: 'QUERY_REFUSED',
    transient: false,
    meaning: 'the request was refused',
    cure: 'The next poll asks again and the position is kept; if it stays, please report it with what JumpCloud said.',
  },
  {
    status: [500, 599],
    html: true,
    code: 'SERVER_ERROR',
    transient: true,
    meaning: 'an HTML error page in place of records: JumpCloud, or something in front of it, has difficulties',
    cure: PAUSE,
  },
  {
    status: [500, 599],
    code: 'SERVER_ERROR',
    transient: true,
    meaning: 'JumpCloud has difficulties',
    cure: PAUSE,
  },
  {
    status: [0, 999],
    code: 'RESPONSE_INVALID',
    transient: true,
    meaning: 'no answer to such a request has this status',
    cure: `Look for a proxy that changes answers. ${PAUSE}`,
  },
];

/** Faults before or during an answer, by the error's code: node's, OpenSSL's, got's and our proxy's. */
export const exceptionTable: readonly ExceptionRow[] = [
  { when: /^ERR_ABORTED$/, code: 'ABORTED', transient: false, meaning: 'stopped on request', cure: 'Nothing to do.' },
  {
    when: /^(ENOTFOUND|EAI_|ENODATA|ESERVFAIL)/,
    code: 'UNREACHABLE',
    transient: true,
    meaning: 'the name {host} could not be resolved (DNS)',
    cure: `Check DNS, or set HTTPS_PROXY if this network needs a proxy. ${PAUSE}`,
  },
  {
    when: /^ECONNREFUSED$/,
    code: 'UNREACHABLE',
    transient: true,
    meaning: '{host} refused the connection',
    cure: `Check the address, its port and the firewall. ${PAUSE}`,
  },
  {
    when: /^(ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL|ENETDOWN|EHOSTDOWN)$/,
    code: 'UNREACHABLE',
    transient: true,
    meaning: 'there is no route to {host}',
    cure: `Check the network, or set HTTPS_PROXY if it needs a proxy. ${PAUSE}`,
  },
  {
    when: /^ERR_PROXY_AUTHENTICATION$/,
    code: 'UNREACHABLE',
    transient: false,
    meaning: '{said}',
    cure: 'Put user name and password into HTTPS_PROXY as http://user:password@host:port.',
  },
  {
    when: /^ERR_PROXY_REFUSED$/,
    code: 'UNREACHABLE',
    transient: true,
    meaning: '{said}',
    cure: `Have the proxy allow CONNECT to {host}, or name the host in NO_PROXY. ${PAUSE}`,
  },
  {
    when: /^ERR_PROXY_/,
    code: 'UNREACHABLE',
    transient: true,
    meaning: '{said}',
    cure: `Check HTTPS_PROXY. ${PAUSE}`,
  },
  {
    when: /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_|INVALID_CA|CERT_UNTRUSTED)/,
    code: 'TLS_REFUSED',
    transient: false,
    meaning: 'the certificate of {host} is signed by an authority that is not trusted here',
    cure: "Where a proxy opens TLS, add its authority's certificate with jumpcloud.ca; otherwise do not trust this connection.",
  },
  {
    when: /^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/,
    code: 'TLS_REFUSED',
    transient: false,
    meaning: 'the certificate of {host} has expired or is not valid yet ({errno})',
    cure: 'Check this machine’s clock; if it is right, the certificate has to be renewed.',
  },
  {
    when: /^ERR_TLS_CERT_ALTNAME_/,
    code: 'TLS_REFUSED',
    transient: false,
    meaning: 'the certificate shown by {host} is for another host',
    cure: 'Check jumpcloud.baseUrl and who answers in its place.',
  },
  {
    when: /^(EPROTO|ERR_SSL_)/,
    says: /wrong version number|packet length too long|http request/i,
    code: 'TLS_REFUSED',
    transient: false,
    meaning: '{host} does not speak TLS on this port',
    cure: 'Check the port in jumpcloud.baseUrl.',
  },
  {
    when: /^(EPROTO|ERR_SSL_|ERR_TLS_|CERT_)/,
    code: 'TLS_REFUSED',
    transient: false,
    meaning: 'no secure connection to {host} could be agreed ({errno}); TLS 1.2 or newer is required',
    cure: 'Whoever answers there must offer TLS 1.2 or newer and a sound certificate.',
  },
  {
    when: /^(ETIMEDOUT|ESOCKETTIMEDOUT|ERR_SOCKET_CONNECTION_TIMEOUT)$/,
    code: 'TIMED_OUT',
    transient: true,
    meaning: '{host} took too long ({phase})',
    cure: PAUSE,
  },
  {
    when: /^(Z_|HPE_|ERR_HTTP_CONTENT_LENGTH_MISMATCH)/,
    code: 'RESPONSE_INVALID',
    transient: true,
    meaning: 'the answer of {host} is damaged or cut short ({errno})',
    cure: `Look for a proxy that changes answers. ${PAUSE}`,
  },
  {
    when: /^(ECONNRESET|EPIPE|ECONNABORTED|ERR_STREAM_PREMATURE_CLOSE|ERR_SOCKET_CLOSED)$/,
    code: 'UNREACHABLE',
    transient: true,
    meaning: 'the connection to {host} broke off',
    cure: PAUSE,
  },
  {
    when: /^/,
    code: 'UNREACHABLE',
    transient: true,
    meaning: 'the request to {host} failed ({errno})',
    cure: PAUSE,
  },
];

/** What an answer with another status than 200 means. */
export function failureOfStatus(
  answer: {
    readonly status: number;
    readonly body: string;
    readonly html: boolean;
    readonly json?: boolean;
    readonly location: string | undefined;
  },
  circumstances: Circumstances,
): CollectorError {
  const said = messageOf(answer.body);
  const row = statusTable.find((candidate) => holds(candidate, answer, said, circumstances));
  const verdict = row ?? statusTable[statusTable.length - 1]!;
  const fill = { status: String(answer.status), target: target(answer.location), ...circumstances };
  const sender = circumstances.purpose === 'token' ? "JumpCloud's token endpoint" : 'JumpCloud';
  const quoted = safeExcerpt(said, circumstances.secrets);
  const words = quoted === '' || answer.html ? '' : ` (it says: ${JSON.stringify(quoted)})`;
  return new CollectorError(verdict.code, `${answer.status} from ${sender}: ${filled(verdict.meaning, fill)}${words}`, {
    cure: filled(verdict.cure, fill),
    transient: verdict.transient,
    detail: String(answer.status),
  });
}

/** What a fault without a complete answer means. A CollectorError stays what it is. */
export function failureOfException(error: unknown, circumstances: Circumstances): CollectorError {
  if (error instanceof CollectorError) return error;
  const { errno, message, phase } = facts(error);
  const verdict = exceptionTable.find((row) => row.when.test(errno) && (row.says?.test(message) ?? true))!;
  const said = safeExcerpt(message, circumstances.secrets);
  const fill = { errno, said, phase: phases[phase ?? ''] ?? 'connecting', ...circumstances };
  return new CollectorError(verdict.code, filled(verdict.meaning, fill), {
    cure: filled(verdict.cure, fill),
    transient: verdict.transient,
    detail: errno,
    // Not the error itself: got's carry the request's headers, and with them the key.
    cause: Object.assign(new Error(said), { code: errno }),
  });
}

const phases: Readonly<Record<string, string>> = {
  lookup: 'resolving its name',
  connect: 'connecting',
  secureConnect: 'agreeing on TLS',
  response: 'waiting for the answer to begin',
  request: 'waiting for the whole answer',
};

function holds(
  row: StatusRow,
  answer: { status: number; html: boolean; json?: boolean },
  said: string,
  circumstances: Circumstances,
): boolean {
  const [first, last] = typeof row.status === 'number' ? [row.status, row.status] : row.status;
  return (
    answer.status >= first &&
    answer.status <= last &&
    (row.purpose === undefined || row.purpose === circumstances.purpose) &&
    (row.html === undefined || row.html === answer.html) &&
    (row.json === undefined || row.json === (answer.json ?? false)) &&
    (row.organizationNamed === undefined || row.organizationNamed === circumstances.organizationNamed) &&
    (row.says === undefined || row.says.test(said))
  );
}

function filled(template: string, fill: Readonly<Record<string, unknown>>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => String(fill[name] ?? ''));
}

/** Origin and path alone: a query may carry a token. */
function target(location: string | undefined): string {
  if (location === undefined) return 'nowhere';
  try {
    const url = new URL(location, 'https://relative.invalid');
    return url.host === 'relative.invalid' ? url.pathname : url.origin + url.pathname;
  } catch {
    return 'an unreadable address';
  }
}

/** Code, own message and phase of an error, looked up along its causes: got wraps what node threw. */
function facts(error: unknown): { errno: string; message: string; phase: string | undefined } {
  const seen: { code?: unknown; message?: unknown; event?: unknown; cause?: unknown }[] = [];
  for (let at: unknown = error; typeof at === 'object' && at !== null && seen.length < 8; ) {
    seen.push(at);
    at = (at as { cause?: unknown }).cause;
  }
  const coded = seen.find((one) => typeof one.code === 'string');
  const phase = seen.find((one) => typeof one.event === 'string')?.event;
  return {
    errno: String(coded?.code ?? 'unknown'),
    message: String(coded?.message ?? ''),
    phase: phase === undefined ? undefined : String(phase),
  };
}
