import type { WebhookReceiver } from '../webhook/receiver.js';
import type { WebhookFeed } from './webhook-feed.js';

/** Opens the listener of webhooks. */
export type Listen = (
  receiver: (feed: string) => Pick<WebhookReceiver, 'receive'> | undefined,
) => Promise<{ close(): Promise<void> }>;

/** The webhooks of a process: its listener opens with the first feed that takes any. */
export class Webhooks {
  readonly #feeds = new Map<string, WebhookFeed>();
  #listener: ReturnType<Listen> | undefined;
  #taken: Promise<void> | undefined;

  constructor(private readonly listen: Listen) {}

  /** A feed takes webhooks from now on; one of the same name before it takes none any more. @throws CollectorError CONFIG_INVALID */
  async add(name: string, feed: WebhookFeed): Promise<void> {
    this.#feeds.set(name, feed);
    if (this.#taken !== undefined) return;
    this.#listener ??= this.listen((asked) => this.#feeds.get(asked)?.receiver);
    await this.#listener;
  }

  /** Takes none any more; `taken` then waits for those under way. */
  stop(): void {
    const listener = this.#listener ?? Promise.resolve(undefined);
    this.#taken ??= listener.then(
      (open) => open?.close(),
      () => undefined,
    );
  }

  /** Resolves once no webhook is under way, where the process ends; at once where it goes on. */
  async taken(): Promise<void> {
    await this.#taken;
  }
}
