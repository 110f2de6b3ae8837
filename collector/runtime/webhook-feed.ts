import { join } from 'node:path';
import { ocsfTarget } from '../../schemas/ocsf-target.js';
import type { FeedConfig } from '../config/feed-config.js';
import { asCollectorError, type CollectorError } from '../errors.js';
import { fileNameOf } from '../files/file-name.js';
import { readChannels } from '../jumpcloud/directory/alerts.js';
import type { AskDirectory } from '../jumpcloud/directory/ask.js';
import type { Timing } from '../jumpcloud/http/abort.js';
import type { Log } from '../log/logger.js';
import type { FeedObserver } from '../pipeline/observer.js';
import { LIVE_LANE } from '../position/lane-name.js';
import type { Sink } from '../sinks/sink.js';
import { mapper } from '../version.js';
import { channelProblem, channelsOf } from '../webhook/channel-problem.js';
import { type ConnectGuide, connectGuide } from '../webhook/connect.js';
import { WebhookLane } from '../webhook/lane.js';
import { listAlerts } from '../webhook/list-alerts.js';
import { type ReceiverView, type RequestOutcome, type WebhookLaneView, WebhookReceiver } from '../webhook/receiver.js';
import { SecretStore } from '../webhook/secret-store.js';
import { Spool } from '../webhook/spool.js';

/** Bodies that wait for delivery take no more of the disk than this. */
const LARGEST_SPOOL = 256 * 1024 * 1024;
const SPOOL_RETRY_MS = 5_000;

/** What a feed's webhooks need besides its configuration. */
export interface WebhookFeedParts {
  readonly sink: Sink;
  readonly timing: Timing;
  /** Epoch milliseconds of JumpCloud's clock, as far as it is known. */
  readonly serverNow: () => number;
  readonly observer: FeedObserver;
  /** Undefined: no console belongs to the base URL. */
  readonly directory: AskDirectory | undefined;
  readonly log: Log;
  readonly onRequest: (outcome: RequestOutcome) => void;
  readonly onMissed: (notices: number) => void;
}

/** The webhooks of one feed: the receiver that takes them, and the lane that delivers them. */
export interface WebhookFeed {
  readonly receiver: WebhookReceiver;
  readonly view: ReceiverView & WebhookLaneView;
  /** Works until the signal aborts; a failure is logged, and leaves the feed's polls unharmed. */
  run(signal: AbortSignal): Promise<void>;
}

/** The webhook's own directory; no feed's state has such a name. */
function webhookDirectory({ state, name }: Pick<FeedConfig, 'state' | 'name'>): string {
  return join(state.directory, '.webhooks', fileNameOf(name));
}

/** The secrets of a feed's webhook. */
export function webhookSecrets(config: FeedConfig, now: () => number): SecretStore {
  const configured = config.webhook.secrets.map((secret) => secret.reveal());
  return new SecretStore(webhookDirectory(config), configured, now);
}

/** What an administrator enters in JumpCloud's portal for a feed. @param address `receiver.url` */
export function webhookGuide({ name, webhook }: FeedConfig, address: string | undefined): ConnectGuide {
  return connectGuide(name, address, { ...webhook, kind: webhook.authorization });
}

/** The feed's organization: of its configuration, else what its live lane has learnt. */
export async function organizationOf(config: FeedConfig, sink: Pick<Sink, 'peek'>): Promise<string | undefined> {
  return config.jumpcloud.orgId ?? (await sink.peek(LIVE_LANE))?.organization;
}

/** Assembles a feed's webhooks; nothing is opened yet. */
export function webhookFeed(config: FeedConfig, parts: WebhookFeedParts): WebhookFeed {
  const { sink, timing, log, directory: directoryApi } = parts;
  let channel: string | undefined;
  const directory = join(webhookDirectory(config), 'spool');
  let spool: Spool | undefined;
  let lane: WebhookLane | undefined;
  let missed = 0;
  let listFailure: CollectorError | undefined;
  const receiver = new WebhookReceiver({
    authentication: { ...config.webhook, kind: config.webhook.authorization },
    secrets: webhookSecrets(config, timing.now),
    spool: () => spool,
    organization: () => lane?.organization ?? config.jumpcloud.orgId,
    onRequest: parts.onRequest,
    log,
    now: timing.now,
  });
  const openSpool = async (signal: AbortSignal): Promise<Spool | undefined> => {
    while (!signal.aborted) {
      try {
        return await Spool.open(directory, LARGEST_SPOOL);
      } catch (error) {
        log.failing('webhook spool', error);
        await timing.sleep(SPOOL_RETRY_MS, signal);
      }
    }
    return undefined;
  };
  return {
    receiver,
    get view() {
      const { code, message, cure } = listFailure ?? {};
      return {
        ...receiver.view,
        missed,
        listFailure: code === undefined ? null : { code, message: message!, cure: cure! },
        waitingBytes: spool?.bytes ?? 0,
      };
    },
    async run(signal) {
      const opened = await openSpool(signal);
      if (opened === undefined) return;
      spool = opened;
      lane = new WebhookLane({
        feed: config.name,
        baseUrl: config.jumpcloud.endpoints.baseUrl,
        classes: config.classes && new Set(config.classes),
        mapping: { rawData: config.rawData, mapper, target: ocsfTarget },
        alertsInterval: config.webhook.alertsIntervalMs,
        sink,
        spool: opened,
        clock: timing,
        passed: () => Math.min(timing.now(), parts.serverNow()),
        observer: parts.observer,
        organization: () => organizationOf(config, sink),
        alerts: parts.directory && listAlerts(parts.directory),
        onMissed(notices) {
          missed += notices;
          parts.onMissed(notices);
          log.warn(`${notices} alerts were found in the list that no webhook had brought`, {
            cure: 'They are delivered. See `jumpcloud-ocsf check` for what JumpCloud says of its channel.',
          });
        },
        ...(directoryApi === undefined
          ? {}
          : {
              channelProblem: async (until) =>
                channelsOf(config.name, await readChannels(directoryApi, until))
                  .map(channelProblem)
                  .find((one) => one),
            }),
        onChannel(problem) {
          // Told once per change: JumpCloud itself got this answer, so that alerts are being lost.
          if (problem !== undefined && problem !== channel) log.error(problem, { cure: 'Run `jumpcloud-ocsf check`.' });
          channel = problem;
          receiver.jumpcloudRefused(problem);
        },
        onListed(failure) {
          listFailure = failure;
          if (failure === undefined) log.recovered('list of alerts');
          else log.failing('list of alerts', failure);
        },
      });
      try {
        await lane.run(signal);
      } catch (error) {
        log.failure(asCollectorError(error), { lane: 'webhook' });
      } finally {
        spool = undefined;
        await opened.close();
      }
    },
  };
}
