import { isObject } from '../../mappings/json.js';
import type { FeedConfig } from '../config/feed-config.js';
import { CollectorError } from '../errors.js';
import { makeDirectory } from '../files/durable-file.js';
import { journalLines, openJournal, verifyJournal } from '../files/hash-chained-journal.js';
import type { Client, ClientOptions } from '../jumpcloud/client.js';
import { idOf } from '../jumpcloud/directory/list.js';
import { systemTiming } from '../jumpcloud/http/abort.js';
import type { KeyExpiryMonitor } from '../key-expiry/monitor.js';
import { askKeyLife } from '../key-expiry/refresh.js';
import type { Log } from '../log/logger.js';
import { clientLogger } from '../monitoring/log-observer.js';
import { JOURNAL, readActions, refuseEarlierJournal } from '../response/action-journal.js';
import type { ResponseDirectory } from '../response/directory.js';
import { type ResponseDependencies, usualLimits } from '../response/execute.js';
import { jumpCloudDirectory } from '../response/jumpcloud-directory.js';
import { isStopped } from '../response/kill-switch.js';
import type { Verb } from '../response/verbs.js';
import { takeLaneLock } from '../sinks/files/socket-lock.js';
import { clientOf } from './assemble.js';
import { responseGuardOf, startResponseDelivery } from './response-delivery.js';

/** Response of one feed, open: the journal is this process's alone, and its lines are delivered as events. */
export interface Response {
  readonly deps: ResponseDependencies;
  /** What is known of the life of response's credential. */
  readonly guard: KeyExpiryMonitor;
  /** Delivers what the journal holds, as far as that is possible within some seconds. */
  close(): Promise<void>;
}

/** How long JumpCloud is waited for when it is asked how long the secret lives. */
const KEY_LIFE_MS = 5_000;

/**
 * Opens response with its own credential, never the feed's.
 * @throws CollectorError CREDENTIAL_MISSING, LANE_IN_USE, STATE_CORRUPT, STATE_OUTDATED, STORAGE_FAILED
 */
export async function openResponse(config: FeedConfig, log: Log, limits: Partial<ClientOptions>): Promise<Response> {
  const { respond } = config;
  const { directory, client } = openDirectory(config, log, limits);
  try {
    await makeDirectory(respond.directory);
    const lock = await takeLaneLock(respond.directory, 'respond');
    try {
      await refuseBroken(respond.directory);
      const actions = await readActions(journalLines(respond.directory, JOURNAL));
      const journal = await openJournal(respond.directory, JOURNAL, () => systemTiming.now());
      const guard = responseGuardOf(config, client, log);
      const delivery = startResponseDelivery(config, actions, guard, log);
      return {
        deps: {
          directory,
          journal: {
            ...journal,
            async append(entry) {
              const number = await journal.append(entry);
              delivery.wake();
              return number;
            },
          },
          actions,
          policy: {
            allow: respond.allow as readonly Verb[],
            groups: respond.groups,
            protectedUsers: respond.protectedUsers,
            protectedGroups: respond.protectedGroups,
          },
          limits: { ...usualLimits, actionsPerHour: respond.actionsPerHour },
          clock: systemTiming,
          stopped: () => isStopped(respond.killSwitch),
        },
        guard,
        async close() {
          // A credential that sent no request is not asked about: it was not read yet.
          if (client.credential.state.fingerprint !== undefined)
            await askKeyLife(client, guard, log, AbortSignal.timeout(KEY_LIFE_MS));
          await delivery.close();
          await journal.close();
          client.close();
          await lock.release();
        },
      };
    } catch (error) {
      await lock.release();
      throw error;
    }
  } catch (error) {
    client.close();
    throw error;
  }
}

/**
 * Proves that the credential of response can read all that an action reads, of the first user that JumpCloud lists. What
 * it may change can be proved only by an action.
 * @param typed a client secret in place of the configured one
 * @throws CollectorError
 */
export async function testCredential(
  config: FeedConfig,
  log: Log,
  limits: Partial<ClientOptions>,
  { typed, signal }: { readonly typed?: string; readonly signal?: AbortSignal } = {},
): Promise<void> {
  const { directory, firstUser, client } = openDirectory(config, log, limits, typed);
  try {
    await directory.read({ verb: 'disable-user', user: await firstUser(signal), group: undefined }, signal);
  } finally {
    client.close();
  }
}

interface OpenDirectory {
  readonly directory: ResponseDirectory;
  /** The id of the first user that JumpCloud lists. */
  firstUser(signal?: AbortSignal): Promise<string>;
  readonly client: Client;
}

/**
 * The client of response's own credential.
 * @param typed a client secret in place of the configured one
 * @throws CollectorError CREDENTIAL_MISSING
 */
export function responseClientOf(config: FeedConfig, log: Log, limits: Partial<ClientOptions>, typed?: string): Client {
  const { clientId, clientSecret, orgId } = config.respond;
  if (clientId === undefined || (clientSecret === undefined && typed === undefined))
    throw new CollectorError('CREDENTIAL_MISSING', `Response of feed ${config.name} has no credential of its own.`, {
      cure: 'Set respond.clientId and RESPOND_CLIENT_SECRET_FILE to those of a service account made for response alone.',
    });
  const where = 'RESPOND_CLIENT_SECRET';
  return clientOf(config, clientLogger(log), systemTiming, {
    ...limits,
    authorization: 'service-account',
    clientId,
    orgId,
    secret:
      typed === undefined && clientSecret?.file !== undefined
        ? { file: clientSecret.file }
        : { value: typed ?? clientSecret?.reveal() ?? '', where },
  });
}

/** @throws CollectorError CREDENTIAL_MISSING, CONFIG_INVALID */
function openDirectory(config: FeedConfig, log: Log, limits: Partial<ClientOptions>, typed?: string): OpenDirectory {
  const client = responseClientOf(config, log, limits, typed);
  const { directory: ask, write } = client;
  if (ask === undefined || write === undefined) {
    client.close();
    throw new CollectorError('CONFIG_INVALID', 'No console of JumpCloud belongs to jumpcloud.baseUrl.', {
      cure: 'Set jumpcloud.consoleUrl or jumpcloud.region.',
    });
  }
  return {
    directory: jumpCloudDirectory({ ask, write, organizationNamed: config.respond.orgId !== undefined }),
    async firstUser(signal) {
      const { value } = await ask('/api/systemusers?limit=1&fields=username', {}, signal);
      const [first] = isObject(value) && Array.isArray(value.results) ? value.results : [];
      const id = idOf(first ?? null);
      if ('id' in id) return id.id;
      throw new CollectorError('RESPONSE_INVALID', 'JumpCloud lists no user with one id.', {
        cure: 'The organization has no users, or the role of the service account shows none.',
      });
    },
    client,
  };
}

/** What cannot be read whole may hide an action that was sent. @throws CollectorError STATE_CORRUPT, STATE_OUTDATED */
async function refuseBroken(directory: string): Promise<void> {
  await refuseEarlierJournal(directory);
  const { broken } = await verifyJournal(directory, JOURNAL);
  if (broken === undefined) return;
  throw new CollectorError(
    'STATE_CORRUPT',
    `The journal of response is broken in ${broken.file}, line ${broken.line}: ${broken.reason}. Nothing is executed.`,
    { cure: 'Keep the directory as evidence and move it away; compare it with what JumpCloud recorded.' },
  );
}
