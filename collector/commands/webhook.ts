import { WEBHOOK_SERVICE } from '../../mappings/alerts/kept-body.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';
import { parseDuration } from '../config/duration.js';
import type { FeedConfig } from '../config/feed-config.js';
import type { Flags } from '../config/flags.js';
import { CollectorError, exitCodes } from '../errors.js';
import { systemTiming } from '../jumpcloud/http/abort.js';
import { unresolvedLetters } from '../reprocess/dead-letters.js';
import { type BodyReplayReport, replayKeptBodies } from '../reprocess/replay-webhooks.js';
import { openSink } from '../runtime/open-sink.js';
import { organizationOf, webhookGuide, webhookSecrets } from '../runtime/webhook-feed.js';
import { mapper } from '../version.js';
import { chosen } from './choose-feed.js';
import { setUp } from './load.js';
import { writeJson, writeText } from './output.js';

type FeedFlags = Flags & { feed?: string | undefined };

/** `webhook token`: the URL and a secret, shown this once; only its digest is kept. */
export async function makeToken(
  flags: FeedFlags & { rotate: boolean; overlap: string; json: boolean },
): Promise<number> {
  const { config, log } = setUp(flags);
  try {
    const feed = chosen(config.feeds, flags.feed);
    const overlap = parseDuration(flags.overlap);
    if (overlap === undefined)
      throw new CollectorError('USAGE', `--overlap ${flags.overlap} is no duration.`, { cure: 'Write 24h, or 30m.' });
    const store = webhookSecrets(feed, systemTiming.now);
    const { source } = await store.present();
    const made = flags.rotate || source === 'none' ? await store.make(overlap) : undefined;
    const guide = webhookGuide(feed, config.shared.receiver.url);
    const secret = made?.secret ?? null;
    const until = made?.previousUntil === undefined ? null : new Date(made.previousUntil).toISOString();
    if (flags.json) writeJson(process.stdout, { feed: feed.name, ...guide, secret, previousUntil: until });
    else writeText(process.stdout, describeToken(feed, guide.steps, secret, until, store.isConfigured));
    return exitCodes.done;
  } finally {
    await log.close();
  }
}

function describeToken(
  { webhook }: FeedConfig,
  steps: readonly string[],
  secret: string | null,
  previousUntil: string | null,
  isConfigured: boolean,
): string {
  const about = isConfigured
    ? 'The secret is that of webhook.secret.'
    : 'The secret was shown when it was made; --rotate makes another.';
  return `${[
    ...(secret === null ? [about] : [`Secret, shown this once: ${secret}`]),
    ...(previousUntil === null ? [] : [`The secret before it is taken until ${previousUntil}.`]),
    '',
    ...steps.map((step, index) => `${index + 1}. ${step}`),
    ...(webhook.enabled ? [] : ['', 'webhook.enabled is false: set it to true, and start run again.']),
  ].join('\n')}\n`;
}

/** `webhook replay`: maps kept bodies again. The lane is taken for it, so that a running collector is stopped before. */
export async function replayBodies(flags: FeedFlags & { dryRun: boolean }): Promise<number> {
  const { config, log } = setUp(flags);
  try {
    const feed = chosen(config.feeds, flags.feed);
    const sink = await openSink(feed, log.child({ feed: feed.name }), systemTiming);
    try {
      const all = { reason: undefined, range: undefined };
      const report = await replayKeptBodies(
        async function* () {
          for await (const letter of unresolvedLetters(feed.name, sink, all))
            if (letter.service === WEBHOOK_SERVICE) yield letter;
        },
        sink,
        systemTiming,
        {
          feed: feed.name,
          baseUrl: feed.jumpcloud.endpoints.baseUrl,
          organization: () => organizationOf(feed, sink),
          classes: feed.classes && new Set(feed.classes),
          mapping: { rawData: feed.rawData, mapper, target: ocsfTarget },
          dryRun: flags.dryRun,
        },
      );
      writeText(process.stdout, describeReplay(report, flags.dryRun));
      return exitCodes.done;
    } finally {
      await sink.close();
    }
  } finally {
    await log.close();
  }
}

function describeReplay({ delivered, already, unknown }: BodyReplayReport, dryRun: boolean): string {
  return `${[
    `${delivered} ${dryRun ? 'would become' : 'became'} findings`,
    ...(already === 0 ? [] : [`${already} are findings that were delivered before`]),
    ...(unknown === 0 ? [] : [`${unknown} are still of an unknown shape`]),
  ].join('\n')}\n`;
}
