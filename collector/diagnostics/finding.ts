import { asCollectorError, type ErrorCode, errorCodes, exitCodes } from '../errors.js';

export type FindingStatus = 'ok' | 'warning' | 'failed';

/** One thing that `check` looked at. */
export interface Finding {
  /** Undefined: of the whole process. */
  readonly feed: string | undefined;
  /** What was looked at: `configuration`, `dns`, `tls`, `credential`, a topic's name, … */
  readonly part: string;
  readonly verdict: FindingStatus;
  readonly message: string;
  /** What to do; there is one wherever something is wrong. */
  readonly cure?: string;
  /** Decides the exit code of what failed. */
  readonly code?: ErrorCode;
  /** HTTP status, Kafka code or errno, where there is one. */
  readonly detail?: string;
}

/** Takes findings as they are found. */
export type Report = (...findings: readonly Finding[]) => void;

/** Exit codes, most severe first: permanent failures of what everything needs before transient ones. */
const severity: readonly number[] = [
  exitCodes.internal,
  exitCodes.configuration,
  exitCodes.credential,
  exitCodes.storage,
  exitCodes.unavailable,
  exitCodes.laneInUse,
  exitCodes.tryAgain,
  exitCodes.data,
];

/** The part that each code belongs to; for other codes the detail decides. */
const parts: Partial<Record<ErrorCode, string>> = {
  USAGE: 'configuration',
  CONFIG_INVALID: 'configuration',
  CONFIG_UNREADABLE: 'configuration',
  BASE_URL_WRONG: 'address',
  CREDENTIAL_MISSING: 'credential',
  CREDENTIAL_REFUSED: 'credential',
  ORGANIZATION_MISSING: 'organization',
  ORGANIZATION_WRONG: 'organization',
  ORGANIZATION_CHANGED: 'organization',
  NOT_LICENSED: 'licence',
  ROLE_REFUSED: 'role',
  TLS_REFUSED: 'tls',
  TIMED_OUT: 'connection',
  RATE_LIMITED: 'rate',
  STATE_CORRUPT: 'position',
  STATE_OUTDATED: 'position',
  STORAGE_FAILED: 'storage',
  SINK_UNAVAILABLE: 'sink',
  SINK_REFUSED: 'sink',
};

/** A failure as a finding. */
export function findingOf(error: unknown, feed: string | undefined, part?: string): Finding {
  const { code, message, cure, detail } = asCollectorError(error);
  return {
    feed,
    part: part ?? parts[code] ?? partOfDetail(detail),
    verdict: 'failed',
    message,
    cure,
    code,
    ...(detail === undefined ? {} : { detail }),
  };
}

function partOfDetail(detail = ''): string {
  if (/^(ENOTFOUND|EAI_|ENODATA|ESERVFAIL)/.test(detail)) return 'dns';
  if (/^ERR_PROXY_|^407$/.test(detail)) return 'proxy';
  if (/^E[A-Z]+$/.test(detail)) return 'connection';
  return 'api';
}

/** Most severe first; the sort is stable. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((one, other) => rankOf(one) - rankOf(other));
}

/** The exit code of the most severe finding; warnings do not count. */
export function exitCodeOf(findings: readonly Finding[]): number {
  const [worst] = inOrder(findings);
  return worst?.verdict === 'failed' ? codeOf(worst) : exitCodes.done;
}

function codeOf({ code }: Finding): number {
  return errorCodes[code ?? 'INTERNAL'];
}

function rankOf(finding: Finding): number {
  if (finding.verdict === 'warning') return severity.length + 1;
  if (finding.verdict === 'ok') return severity.length + 2;
  const rank = severity.indexOf(codeOf(finding));
  return rank === -1 ? severity.length : rank;
}

const marks: Record<FindingStatus, string> = { failed: 'FAILED ', warning: 'warning', ok: 'ok     ' };

/** One line: verdict, feed where there are several, part, message, cure. */
export function lineOf({ feed, part, verdict, message, cure }: Finding, several: boolean): string {
  const whose = several && feed !== undefined ? `${feed}: ` : '';
  return `${marks[verdict]}  ${whose}${part}: ${message}${cure === undefined ? '' : ` → ${cure}`}`.replace(
    /\s*\n\s*/g,
    ' ',
  );
}
