import type { ClientObserver } from '../jumpcloud/http/observer.js';

/** What the requests of a check have shown in passing. */
export class RequestTally implements ClientObserver {
  readonly statuses = new Map<number, number>();
  readonly encodings = new Set<string>();
  askedToWait = false;
  readonly onRequest: NonNullable<ClientObserver['onRequest']> = ({ purpose, status, encoding }) => {
    if (status === undefined) return;
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    if (purpose === 'api' && status === 200) this.encodings.add(encoding ?? 'none');
  };
  readonly onRetry: NonNullable<ClientObserver['onRetry']> = ({ asked }) => {
    this.askedToWait ||= asked;
  };
}
