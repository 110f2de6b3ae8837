import { tablesDirectoryOf } from '../config/destination.js';
import type { Flags } from '../config/flags.js';
import { type Investigation, investigateUser, userOfFinding } from '../diagnostics/investigate.js';
import { interactiveLimits } from '../diagnostics/run-checks.js';
import { CollectorError, exitCodes } from '../errors.js';
import { systemTiming } from '../jumpcloud/http/abort.js';
import { clientLogger } from '../monitoring/log-observer.js';
import { openTables } from '../query/open-tables.js';
import { clientOf } from '../runtime/assemble.js';
import { chosen } from './choose-feed.js';
import { setUp } from './load.js';
import { writeJson, writeText } from './output.js';

/** `investigate`: a person, by name or by a finding. What could not be read is said, and gives the exit code. */
export async function investigate(
  flags: Flags & { feed?: string | undefined; json: boolean; user?: string | undefined; finding?: string | undefined },
): Promise<number> {
  if ((flags.user === undefined) === (flags.finding === undefined))
    throw new CollectorError('USAGE', 'Name one person.', { cure: 'Give --user or --finding.' });
  const { config, log } = setUp(flags);
  const feed = chosen(config.feeds, flags.feed);
  const observer = clientLogger(log.child({ feed: feed.name }));
  const client = clientOf(feed, observer, systemTiming, interactiveLimits);
  const directory = tablesDirectoryOf(feed);
  const tables = directory === undefined ? undefined : await openTables(directory, { feed: feed.name });
  try {
    if (flags.finding !== undefined && tables === undefined)
      throw new CollectorError('USAGE', '--finding reads tables, and the sink of this feed is another.', {
        cure: 'Name the person with --user.',
      });
    const named = flags.user ?? (await userOfFinding(flags.finding!, tables!));
    let exitCode: number = exitCodes.done;
    const failed = (failure: CollectorError) => {
      exitCode ||= failure.exitCode;
    };
    const found = await investigateUser(named, client.directory, tables, new AbortController().signal, failed);
    if (flags.json) writeJson(process.stdout, found);
    else writeText(process.stdout, describe(found));
    return exitCode;
  } finally {
    await tables?.close();
    client.close();
    await log.close();
  }
}

function describe({ user, groups, logins, findings, unread }: Investigation): string {
  const shown = (value: string | boolean | null) => (value === null ? 'unknown' : String(value));
  const lines =
    user === null
      ? ['The directory was not read.']
      : [
          `${shown(user.username)} <${shown(user.email)}>, id ${user.id}`,
          `state ${shown(user.state)}, locked ${shown(user.locked)}, MFA ${shown(user.mfa)}`,
          user.administrator === null
            ? 'no administrator account is linked'
            : `linked with the administrator ${user.administrator.id} (${shown(user.administrator.role)})`,
        ];
  const table = (rows: Investigation['logins']) => rows.map((row) => `  ${Object.values(row).map(String).join('  ')}`);
  return `${[
    ...lines,
    `groups: ${groups === null ? 'unknown' : groups.join(', ') || 'none'}`,
    `logins of the last day: ${logins.length}`,
    ...table(logins),
    `findings: ${findings.length}`,
    ...table(findings),
    ...unread.map((what) => `not read: ${what}`),
  ].join('\n')}\n`;
}
