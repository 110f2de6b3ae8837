import type { FeedConfig } from '../config/feed-config.js';
import { CollectorError } from '../errors.js';
import { makeDirectory } from '../files/durable-file.js';
import { journalLines, openJournal, verifyJournal } from '../files/hash-chained-journal.js';
import type { ClientOptions } from '../jumpcloud/client.js';
import { systemTiming } from '../jumpcloud/http/abort.js';
import type { Log } from '../log/logger.js';
import { clientLogger } from '../monitoring/log-observer.js';
import { JOURNAL, readActions } from '../response/action-journal.js';
import { type ResponseDependencies, usualLimits } from '../response/execute.js';
import { jumpCloudDirectory } from '../response/jumpcloud-directory.js';
import type { Verb } from '../response/verbs.js';
import { takeLaneLock } from '../sinks/files/socket-lock.js';
import { clientOf } from './assemble.js';

/** Response of one feed, open: the journal is this process's alone. */
export interface Response {
  readonly deps: ResponseDependencies;
  close(): Promise<void>;
}

/**
 * Opens response with its own credential, never the feed's.
 * @param stopped whether the kill switch is on
 * @throws CollectorError CREDENTIAL_MISSING, LANE_IN_USE, STATE_CORRUPT, STORAGE_FAILED
 */
export async function openResponse(
  config: FeedConfig,
  log: Log,
  limits: Partial<ClientOptions>,
  stopped: () => Promise<boolean>,
): Promise<Response> {
  const { respond } = config;
  const { clientId, clientSecret } = respond;
  if (clientId === undefined || clientSecret === undefined)
    throw new CollectorError('CREDENTIAL_MISSING', `Response of feed ${config.name} has no credential of its own.`, {
      cure: 'Set respond.clientId and RESPOND_CLIENT_SECRET_FILE to those of a service account made for response alone.',
    });
  await makeDirectory(respond.directory);
  const lock = await takeLaneLock(respond.directory, 'respond');
  try {
    const client = clientOf(config, clientLogger(log), systemTiming, {
      ...limits,
      authorization: 'service-account',
      clientId,
      orgId: respond.orgId,
      secret:
        clientSecret.file === undefined
          ? { value: clientSecret.reveal(), where: 'RESPOND_CLIENT_SECRET' }
          : { file: clientSecret.file },
    });
    const { directory: ask, write } = client;
    if (ask === undefined || write === undefined)
      throw new CollectorError('CONFIG_INVALID', 'No console of JumpCloud belongs to jumpcloud.baseUrl.', {
        cure: 'Set jumpcloud.consoleUrl or jumpcloud.region.',
      });
    await refuseBroken(respond.directory);
    const actions = await readActions(journalLines(respond.directory, JOURNAL));
    const journal = await openJournal(respond.directory, JOURNAL, () => systemTiming.now());
    return {
      deps: {
        directory: jumpCloudDirectory({ ask, write, organizationNamed: respond.orgId !== undefined }),
        journal,
        actions,
        policy: {
          allow: respond.allow as readonly Verb[],
          groups: respond.groups,
          protectedUsers: respond.protectedUsers,
          protectedGroups: respond.protectedGroups,
        },
        limits: { ...usualLimits, actionsPerHour: respond.actionsPerHour },
        clock: systemTiming,
        stopped,
      },
      async close() {
        await journal.close();
        client.close();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** What cannot be read whole may hide an action that was sent. @throws CollectorError STATE_CORRUPT */
async function refuseBroken(directory: string): Promise<void> {
  const { broken } = await verifyJournal(directory, JOURNAL);
  if (broken === undefined) return;
  throw new CollectorError(
    'STATE_CORRUPT',
    `The journal of response is broken in ${broken.file}, line ${broken.line}: ${broken.reason}. Nothing is executed.`,
    { cure: 'Keep the directory as evidence and move it away; compare it with what JumpCloud recorded.' },
  );
}
