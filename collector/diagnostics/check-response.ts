import type { FeedConfig } from '../config/feed-config.js';
import { verifyJournal } from '../files/hash-chained-journal.js';
import type { ClientOptions } from '../jumpcloud/client.js';
import type { Log } from '../log/logger.js';
import { JOURNAL, refuseEarlierJournal } from '../response/action-journal.js';
import { isStopped } from '../response/kill-switch.js';
import { type Verb, verbs } from '../response/verbs.js';
import { responseClientOf, testCredential } from '../runtime/open-response.js';
import { responseGuardOf } from '../runtime/response-delivery.js';
import { checkKey } from './check-key.js';
import { type Finding, findingOf } from './finding.js';

/**
 * What response needs: its credential, the life of its secret, its journal, and what stops it. What the role may change is
 * proved by an action alone. Nothing where it has no credential.
 */
export async function checkResponse(
  config: FeedConfig,
  log: Log,
  limits: Partial<ClientOptions>,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { respond, name: feed } = config;
  if (respond.clientId === undefined) return [];
  const finding = (verdict: Finding['verdict'], message: string, cure?: string): Finding => ({
    feed,
    part: 'respond',
    verdict,
    message,
    ...(cure === undefined ? {} : { cure }),
  });
  const found: Finding[] = [];
  const { broken } = await refuseEarlierJournal(respond.directory)
    .then(() => verifyJournal(respond.directory, JOURNAL))
    .catch((error: unknown) => {
      found.push(findingOf(error, feed, 'respond'));
      return { broken: undefined };
    });
  if (broken !== undefined)
    found.push({
      ...finding(
        'failed',
        `the journal of response is broken in ${broken.file}, line ${broken.line}: nothing is executed`,
        'Keep the directory as evidence and move it away; compare it with what JumpCloud recorded.',
      ),
      code: 'STATE_CORRUPT',
    });
  if (await isStopped(config.respond.killSwitch))
    found.push(finding('warning', 'the kill switch is on: nothing is executed', `Remove ${respond.killSwitch}.`));
  if (respond.protectedUsers.length === 0 && respond.protectedGroups.length === 0)
    found.push(
      finding('warning', 'no user is protected from response', 'Name break-glass accounts in respond.protectedUsers.'),
    );
  found.push(
    respond.allow.length === 0
      ? finding('ok', 'respond.allow is empty: nothing is ever executed')
      : finding(
          'ok',
          `may execute ${respond.allow.join(', ')}; whether the role allows it (${scopesOf(respond.allow as Verb[])}) is proved by respond test alone`,
        ),
  );
  return [...found, ...(await checkCredential(config, log, limits, signal))];
}

function scopesOf(allow: readonly Verb[]): string {
  return [...new Set(allow.map((verb) => verbs[verb].scope))].join(', ');
}

async function checkCredential(
  config: FeedConfig,
  log: Log,
  limits: Partial<ClientOptions>,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { name: feed } = config;
  try {
    await testCredential(config, log, limits, { signal });
    const client = responseClientOf(config, log, limits);
    try {
      const guard = responseGuardOf(config, client, log);
      const life = await client.keyLife(signal);
      if (life.kind === 'known') guard.setReportedLifetime(life);
      const message = 'the credential of response reads all that an action reads';
      return [{ feed, part: 'respond', verdict: 'ok', message }, ...checkKey(guard, client, feed)];
    } finally {
      client.close();
    }
  } catch (error) {
    return [{ ...findingOf(error, feed), part: 'respond' }];
  }
}
