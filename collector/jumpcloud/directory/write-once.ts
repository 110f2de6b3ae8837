import type { JsonObject } from '../../../mappings/json.js';
import { asCollectorError, type ErrorCode } from '../../errors.js';
import type { Credential } from '../auth/credential.js';
import { failureOfException, failureOfStatus } from '../http/error-table.js';
import { readRetryAfter } from '../http/retry-policy.js';
import { describeAnswer } from '../http/retrying-call.js';
import type { Answer, SendRequest } from '../http/send-request.js';

/** A write of the directory API, path from its root. */
export interface DirectoryWrite {
  readonly method: 'POST' | 'PUT';
  readonly path: string;
  readonly body: JsonObject | undefined;
}

/** How the one request fared. */
export type WriteResult =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly requestId: string | undefined;
      /** What JumpCloud asks to wait, of a 429. */
      readonly retryAfterMs: number | undefined;
      /** Of an answer that is none of success. */
      readonly code: ErrorCode | undefined;
    }
  /** No answer came, or none that says whether it was executed. */
  | { readonly kind: 'lost'; readonly code: ErrorCode | undefined }
  /** The credential gave no authorization: no request left. */
  | { readonly kind: 'not_sent'; readonly code: ErrorCode; readonly message: string };

/** Sends a write once: no repetition, no redirect, whatever comes. Never throws. */
export type WriteOnce = (write: DirectoryWrite, signal?: AbortSignal) => Promise<WriteResult>;

interface WriteOptions {
  readonly consoleUrl: string;
  readonly sendRequest: SendRequest;
  readonly credential: Credential;
  readonly headers: Readonly<Record<string, string>>;
  readonly where: string;
  readonly now: () => number;
}

/** Only the beginning of an answer is looked at. */
const MAX_BYTES = 64 * 1024;

export function createWriteOnce({ consoleUrl, sendRequest, credential, headers, where, now }: WriteOptions): WriteOnce {
  return async ({ method, path, body }, signal) => {
    const url = consoleUrl + path;
    const circumstances = {
      purpose: 'console' as const,
      host: new URL(url).host,
      where,
      organizationNamed: 'x-org-id' in headers,
      secrets: credential.secrets(),
    };
    let authorization: Readonly<Record<string, string>>;
    try {
      authorization = (await credential.authorizeConsole(signal)).headers;
    } catch (error) {
      const { code, message } = asCollectorError(error);
      return { kind: 'not_sent', code, message };
    }
    let answer: Answer;
    try {
      answer = await sendRequest(
        {
          method,
          url,
          headers: {
            ...headers,
            ...authorization,
            accept: 'application/json',
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          // Without a body of its own got waits for one to be piped in.
          body: body === undefined ? '' : JSON.stringify(body),
          maxBytes: MAX_BYTES,
        },
        signal,
      );
    } catch (error) {
      return { kind: 'lost', code: failureOfException(error, circumstances).code };
    }
    const { status, requestId } = answer;
    // A server error may come before or after the change.
    if (status >= 500) return { kind: 'lost', code: failureOfStatus(describeAnswer(answer), circumstances).code };
    return {
      kind: 'answered',
      status,
      requestId,
      retryAfterMs: readRetryAfter(answer.headers['retry-after'], answer.serverDate ?? now()),
      code: status < 300 ? undefined : failureOfStatus(describeAnswer(answer), circumstances).code,
    };
  };
}
