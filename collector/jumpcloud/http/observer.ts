import type { ErrorCode } from '../../errors.js';
import type { ClockSkew } from './server-clock.js';

/** What a request is for: records and counts, an OAuth token, the life of a key, or what the directory holds. */
export type Purpose = 'api' | 'token' | 'console' | 'directory';
export type KeyHeader = 'bearer' | 'x-api-key';
export type AuthorizationMode = KeyHeader | 'service-account';

/** Everything the client has to tell while it works; log and metrics hook in here. No member carries a secret. */
export interface ClientObserver {
  /** After every request, also those that failed (`status` undefined: no answer came). */
  onRequest?(request: {
    purpose: Purpose;
    path: string;
    status: number | undefined;
    code: ErrorCode | undefined;
    ms: number;
    bytes: number;
    requestId: string | undefined;
    /** Content-Encoding of the answer; undefined: it came as it is. */
    encoding?: string | undefined;
  }): void;
  /** A request will be repeated after `waitMs`. */
  onRetry?(retry: {
    purpose: Purpose;
    code: ErrorCode;
    detail: string | undefined;
    waitMs: number;
    /** 1 for the first failed attempt. */
    attempt: number;
    attempts: number;
    /** JumpCloud asked for the wait by Retry-After. */
    asked: boolean;
  }): void;
  /** JumpCloud took the key under this header; once per key and header. */
  onHeaderUsed?(used: { configured: AuthorizationMode; used: AuthorizationMode; fingerprint: string }): void;
  /** JumpCloud refused this key; told once until it is accepted again or replaced. */
  onKeyRefused?(key: { fingerprint: string; lastFour: string; where: string }): void;
  /** Another key than before is in use from the next request on. */
  onKeyChanged?(key: { fingerprint: string; lastFour: string; where: string }): void;
  /** The secret held more than a key (`found`: "a trailing newline", …), which was taken off. */
  onKeyUntidy?(key: { where: string; found: readonly string[] }): void;
  /** The key file cannot be read now; the key read before stays in use. */
  onKeyUnreadable?(key: { where: string; reason: string }): void;
  /** The local clock differs from JumpCloud's by more than two seconds (told again when it changes by as much), or agrees again. */
  onSkew?(skew: ClockSkew): void;
  /** A page was larger than the cap: the search starts again with fewer records a page. */
  onPageTooLarge?(page: { limit: number; next: number }): void;
}
