import { readFileSync } from 'node:fs';
import { chmod, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { join, resolve } from 'node:path';
import type { ConsoleConfig } from '../config/feed-config.js';
import { asCollectorError, CollectorError } from '../errors.js';
import { makeDirectory, replaceFile } from '../files/durable-file.js';
import { systemTiming } from '../jumpcloud/http/abort.js';
import { resolveEndpoints } from '../jumpcloud/http/endpoints.js';
import type { ConsoleHost, RunningConsole } from '../runtime/supervisor.js';
import { closeAtOnce, keepListening, portFault } from '../server/keep-listening.js';
import { INVITATION_MS, type Invitations, openInvitations } from './accounts/invitations.js';
import { createLoginDelays } from './accounts/login-delays.js';
import { hashPassword } from './accounts/password.js';
import { createSessions } from './accounts/sessions.js';
import { openTokens } from './accounts/tokens.js';
import { openUsers, type Users } from './accounts/users.js';
import { ACTIVITY, startActivityDelivery } from './activity-delivery.js';
import { readAssets } from './assets.js';
import { openAudit } from './audit.js';
import { createConsoleServer, portOf } from './console-server.js';
import { openFeedStore } from './feeds/feed-store.js';
import type { PrepareOptions } from './feeds/prepare-feed.js';
import { deleteRemovedData } from './feeds/removed-data.js';
import type { Handlers } from './handler.js';
import { accountHandlers } from './handlers/accounts.js';
import { deadLetterHandlers } from './handlers/dead-letters.js';
import { directoryHandlers } from './handlers/directory.js';
import { actionHandlers } from './handlers/feed-actions.js';
import { viewHandlers } from './handlers/feed-views.js';
import { feedHandlers } from './handlers/feeds.js';
import { findingHandlers } from './handlers/findings.js';
import { inventoryHandlers } from './handlers/inventory.js';
import { queryHandlers } from './handlers/queries.js';
import { responseHandlers } from './handlers/response.js';
import { FIRST_LOGIN, sessionHandlers } from './handlers/session.js';
import { systemHandlers } from './handlers/system.js';
import { testHandlers } from './handlers/tests.js';
import { webhookHandlers } from './handlers/webhook.js';
import { createJobs } from './jobs.js';
import { oneAtATime } from './one-at-a-time.js';
import { createRateLimit, type RateLimit } from './rate.js';
import { originOf, reachOf } from './reach.js';
import type { ConsoleSettings } from './settings.js';
import { createStatements } from './statements.js';

/** Milliseconds between two looks for removed feeds that can no longer be restored. */
const SWEEP_EVERY_MS = 10 * 60_000;

/** What tests own. */
export interface ConsoleClock {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** False: the console's own events stay in the audit. */
  readonly delivers?: boolean;
  readonly rate?: RateLimit;
  /** Of passwords that users set, as `hashPassword` takes it: tests set many. */
  readonly passwordCost?: number;
}

/**
 * Starts the console of a `run`. Whatever happens to it, the feeds go on: what it cannot open is logged, and a
 * taken port is tried again.
 * @throws CollectorError STORAGE_FAILED, STATE_CORRUPT where `console.directory` cannot be used
 */
export async function startConsole(
  host: ConsoleHost,
  clock: ConsoleClock = { now: systemTiming.now },
): Promise<RunningConsole> {
  const { now, delivers = true, rate = createRateLimit(() => performance.now()), passwordCost } = clock;
  const settings = settingsOf(host.shared.console);
  const log = host.log.child({});
  const { directory } = settings;
  await makeDirectory(directory);
  await chmod(directory, 0o700);

  const users = openUsers(directory);
  const invitations = openInvitations(directory, now);
  const tokens = await openTokens(directory, now, (error) => log.failure(error));
  const sessions = createSessions(settings.session, now);
  const store = openFeedStore(directory, now);
  const exclusive = oneAtATime();
  // Not those of feeds: a change of a feed may wait for JumpCloud.
  const changesUsers = oneAtATime();
  await store.sweep();
  const jobs = createJobs(now, log);
  const lastLogins = new Map<string, string>();
  const delivery =
    delivers &&
    (await startActivityDelivery({
      directory,
      readFeed: (name, yaml, file) => host.supervisor.readFeed(name, yaml, file),
      clock: { ...systemTiming, now },
      log: host.log.child({ feed: ACTIVITY }),
    }));
  const audit = await openAudit(directory, now, log, delivery ? delivery.wake : () => undefined);
  const deleteData = () =>
    deleteRemovedData({ store, supervisor: host.supervisor, roots: settings.roots, directory, log }).catch((error) =>
      log.failure(error),
    );
  // Not at once: whose directories are in use is known only once the feeds have begun.
  const deleting = setInterval(() => void exclusive(deleteData), SWEEP_EVERY_MS).unref();
  let server: Server | undefined;
  const origin = () => originOf(host.shared.console, server === undefined ? undefined : portOf(server));
  const reach = () => reachOf(host.shared.console, server === undefined ? undefined : portOf(server));
  const prepare: PrepareOptions = {
    store,
    roots: settings.roots,
    addresses: new Set(settings.addresses),
    readFeed: (name, yaml, file) => host.supervisor.readFeed(name, yaml, file),
    redact: (secret) => host.log.redact(secret),
  };
  const { supervisor } = host;
  const views = viewHandlers({ supervisor, store, jobs, now });
  const status = async (name: string) => {
    const answer = await views.feedStatus({
      principal: undefined,
      parameters: { name },
      query: new URLSearchParams(),
      body: undefined,
      ifMatch: undefined,
      ifNoneMatch: undefined,
      address: '',
      signal: new AbortController().signal,
      audit: { details: {} },
    });
    return answer.json!;
  };
  const statements = createStatements({ supervisor, settings, limits: host.shared.query, now });
  const response = responseHandlers({ supervisor, store, jobs, log: host.log, metrics: host.metrics });
  const handlers: Handlers = {
    ...sessionHandlers({
      users,
      sessions,
      invitations,
      delays: createLoginDelays(now),
      directory,
      manage: settings.manage,
      passwordCost,
      now,
      exclusive: changesUsers,
    }),
    ...accountHandlers({ users, sessions, tokens, invitations, origin, now, lastLogins, exclusive: changesUsers }),
    ...feedHandlers({ supervisor, store, prepare, jobs, directory, now, exclusive }),
    ...views,
    ...actionHandlers({ supervisor, jobs, log: host.log, status, sleep: systemTiming.sleep }),
    ...deadLetterHandlers({ supervisor, jobs, log: host.log }),
    ...testHandlers({ supervisor, store, prepare, jobs, log: host.log, exclusive, now }),
    ...webhookHandlers({
      supervisor,
      address: host.shared.receiver.url,
      redact: (secret) => host.log.redact(secret),
      exclusive,
      now,
    }),
    ...queryHandlers({ supervisor, settings, statements, now }),
    ...directoryHandlers(statements),
    ...inventoryHandlers({ supervisor, jobs, log: host.log, now }),
    ...findingHandlers({ statements, log: host.log }),
    ...response.handlers,
    ...systemHandlers({ host, settings, store, audit, origin, now }),
  };
  const opened = createConsoleServer({
    handlers,
    reach,
    tls: settings.tls,
    users,
    sessions,
    tokens,
    rate,
    audit,
    assets: readAssets(),
    manage: settings.manage,
    secure: settings.tls !== undefined || settings.publicUrl?.startsWith('https:') === true,
    log,
    mask: host.log.mask,
    now,
    loggedIn: (user) => void lastLogins.set(user, new Date(now()).toISOString()),
  });
  server = opened;
  const { host: address, port } = settings;
  const listener = await keepListening(server, settings, {
    opened(taken, recovered) {
      if (recovered) log.info(`the console's port ${address}:${taken} is open now`);
    },
    failed(error, first) {
      if (first)
        log.error(`the console's port ${address}:${port} cannot be opened: ${portFault(error)}`, {
          detail: error.code,
          cure: 'Collection goes on. Stop the other program or set console.port; it is tried again.',
        });
    },
  });
  await offerFirstLogin(users, invitations, host, directory, origin, now);
  log.info(`the console is at ${origin()}`);
  return {
    get port() {
      return server === undefined ? undefined : portOf(server);
    },
    feedsBegan: settings.manage ? response.begin : () => undefined,
    async close() {
      clearInterval(deleting);
      listener.stop();
      await closeAtOnce(opened);
      await jobs.close();
      await response.close();
      await tokens.close();
      await audit.close();
      if (delivery) await delivery.close();
    },
  };
}

/** Without users there is one way in: a link, made at each start, printed once and kept where only the owner reads it. */
async function offerFirstLogin(
  users: Users,
  invitations: Invitations,
  { shared, log }: ConsoleHost,
  directory: string,
  origin: () => string,
  now: () => number,
): Promise<void> {
  const file = join(directory, FIRST_LOGIN);
  await invitations.withdraw(undefined);
  if ((await users.list()).length > 0) return void (await rm(file, { force: true }));
  const password = shared.console.adminPassword;
  if (password !== undefined) {
    await users.create({
      name: 'admin',
      role: 'admin',
      createdAt: new Date(now()).toISOString(),
      createdBy: 'console.adminPassword',
      password: await hashPassword(password.reveal()),
    });
    log.info('the console has its first administrator: admin, with the password of console.adminPassword');
    return;
  }
  const token = await invitations.create({ user: undefined, role: 'admin', expires: now() + INVITATION_MS });
  const link = `${origin()}/#start=${token}`;
  await replaceFile(file, `${link}\n`);
  // Not by the log: it may go to others, and the link is worth an administrator for an hour.
  process.stderr.write(
    `\nThe console has no users yet. For one hour, this link makes its first administrator, once:\n\n  ${link}\n\nIt is in ${file} too.\n\n`,
  );
}

function settingsOf(config: ConsoleConfig): ConsoleSettings {
  const { tls, addresses, roots } = config;
  const below = (path: string | undefined) => (path === undefined ? undefined : resolve(path));
  return {
    ...config,
    directory: resolve(config.directory),
    tls: tls.cert === undefined || tls.key === undefined ? undefined : { cert: pem(tls.cert), key: tls.key.reveal() },
    addresses: addresses ?? ownHosts(),
    roots: { tables: below(roots.tables), secrets: below(roots.secrets), ca: below(roots.ca) },
  };
}

function pem(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CollectorError(
      'CONFIG_UNREADABLE',
      `console.tls.cert cannot be read: ${asCollectorError(error).message}`,
      {
        cure: 'Name a PEM file that the collector’s user can read.',
      },
    );
  }
}

/** JumpCloud's own hosts. */
function ownHosts(): string[] {
  return ['us', 'eu', 'in'].flatMap((region) => {
    const { baseUrl, consoleUrl, tokenUrl } = resolveEndpoints({ region });
    return [baseUrl, consoleUrl, tokenUrl].flatMap((url) => (url === undefined ? [] : [new URL(url).host]));
  });
}
