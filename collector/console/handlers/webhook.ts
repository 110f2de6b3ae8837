import type { FeedConfig } from '../../config/feed-config.js';
import type { SupervisedFeed, Supervisor } from '../../runtime/supervisor.js';
import { webhookGuide, webhookSecrets } from '../../runtime/webhook-feed.js';
import type { Handlers } from '../handler.js';
import { refused } from '../problem.js';
import { noFeed } from './feeds.js';

export interface WebhookParts {
  readonly supervisor: Supervisor;
  /** `receiver.url` */
  readonly address: string | undefined;
  /** Keeps a secret out of the log. */
  readonly redact: (secret: string) => void;
  /** Runs work one after the other. */
  readonly exclusive: <T>(work: () => Promise<T>) => Promise<T>;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

const HOUR_MS = 3_600_000;

export function webhookHandlers(parts: WebhookParts): Pick<Handlers, 'feedWebhook' | 'makeWebhookSecret'> {
  const { supervisor, address, redact, exclusive, now } = parts;
  const find = (name: string): { readonly feed: SupervisedFeed; readonly config: FeedConfig } => {
    const feed = supervisor.find(name);
    if (feed === undefined) throw noFeed();
    if (feed.configured === null) throw refused(409, 'INVALID', 'Its configuration is not valid.', 'Correct it first.');
    return { feed, config: feed.configured.config };
  };
  const date = (ms: number | undefined) => (ms === undefined ? null : new Date(ms).toISOString());
  return {
    async feedWebhook({ parameters }) {
      const { feed, config } = find(parameters.name!);
      const { source, previousUntil } = await webhookSecrets(config, now).present();
      return {
        json: {
          ...webhookGuide(config, address),
          enabled: config.webhook.enabled,
          hasAddress: address !== undefined,
          secret: source,
          previousUntil: date(previousUntil),
          view: feed.view?.webhook ?? null,
        },
      };
    },
    async makeWebhookSecret({ parameters, body, audit }) {
      audit.target = { type: 'feed', name: parameters.name! };
      audit.details.overlapHours = body.overlapHours;
      const { config } = find(parameters.name!);
      const made = await exclusive(() => webhookSecrets(config, now).make(body.overlapHours * HOUR_MS));
      redact(made.secret);
      return {
        status: 201,
        json: { secret: made.secret, previousUntil: date(made.previousUntil) },
        showsSecret: true,
      };
    },
  };
}
