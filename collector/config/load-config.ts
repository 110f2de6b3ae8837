import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { JsonObject } from '../../mappings/json.js';
import { asCollectorError, CollectorError } from '../errors.js';
import type { Endpoints } from '../jumpcloud/http/endpoints.js';
import type { EventType } from '../position/event-families.js';
import type { ConfiguredFeed, FeedSource, InvalidFeed } from './configured-feed.js';
import { checkRules, checkSharedRules, endpointsOf } from './cross-checks.js';
import { configFileVariable, readEnvironment } from './environment.js';
import type {
  ConsoleConfig,
  FeedConfig,
  Owner,
  QueryLimits,
  QuestionLists,
  RespondConfig,
  SharedConfig,
} from './feed-config.js';
import { configFileFlag, type Flags, readFlags } from './flags.js';
import { keyAt, keys } from './keys.js';
import { Effective } from './resolve.js';
import { type ReadFile, type Secret, unreadable } from './secret.js';
import type { Problem, Setting, Settings } from './setting.js';
import { bytesOf } from './size.js';
import { readDocument, readMember } from './yaml.js';

/** Where a configuration comes from. */
export interface ConfigSources {
  /** What yargs parsed (options of `flagOptions`). */
  readonly flags?: Flags;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: ReadFile;
  /** The names in a directory; absent: no feeds with files of their own. Throws what node:fs throws. */
  readonly readDirectory?: (path: string) => readonly string[];
  /** Read where neither `--config` nor CONFIG_FILE names a file; need not exist. */
  readonly defaultFile?: string;
}

/** A configuration whose shared part and operator's own file passed every check. */
export interface LoadedConfig {
  /** In the order of the file, the directory, and the console's own. */
  readonly feeds: readonly FeedConfig[];
  /** The same feeds with where they come from. */
  readonly configured: readonly ConfiguredFeed[];
  /** Feeds with a file of their own that cannot be used. `refuseInvalid` makes an error of them. */
  readonly invalid: readonly InvalidFeed[];
  readonly shared: SharedConfig;
  /** Sentences an operator should read at start. No secrets. */
  readonly notes: readonly string[];
  /** Every secret in force, for the log's redactor. */
  readonly secrets: readonly Secret[];
  /** The file that was read; undefined: none. */
  readonly file: string | undefined;
  /** The settings in force with their origins, one a feed, for `config print`. */
  readonly effective: readonly Settings[];
  /** Reads a feed's document as it would be in force in a file of the console's own. `where` names the file in problems. */
  readonly readFeed: (name: string, yaml: string, where: string) => ConfiguredFeed | InvalidFeed;
}

/** Looked for by the command where no file is named. */
export const defaultConfigFile = '/etc/jumpcloud-ocsf/config.yaml';

/** Where the console keeps a file per feed, below `console.directory`. */
export const MANAGED_FEEDS = 'feeds.d';

const cure = 'Correct what is named and start again; `jumpcloud-ocsf config schema` lists every key.';

/**
 * Reads the configuration: flag over environment over file over default. Where the file lists `feeds`, or feeds have files
 * of their own, a feed's own keys stand over the environment, which then sets shared defaults only; flags stand over
 * everything.
 * @throws CollectorError CONFIG_INVALID or CONFIG_UNREADABLE naming every problem with its file and line, variable or
 *   flag; BASE_URL_WRONG with the correction. No message holds a value.
 */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const environment = readEnvironment(sources.env);
  const flags = readFlags(sources.flags ?? {});
  const { file, text } = configText(sources);
  const document = readDocument(text, file ?? 'configuration');
  const problems: Problem[] = [...document.problems, ...environment.problems, ...flags.problems];
  const notes = [...environment.notes];
  const layers: Layers = { document: document.shared, environment: environment.settings, flags: flags.settings };
  const shared = sharedOf(layers, sources.readFile);
  problems.push(...shared.problems);
  const single = document.feeds === undefined && isSingle(layers, shared);
  if (!single) notes.push(...aboutNames(layers, problems));
  const listed = (document.feeds ?? []).map((member): Member => {
    if (!member.settings.has('name')) problems.push({ where: member.where, message: 'a member of feeds needs a name' });
    return { source: { kind: 'file', where: member.where }, settings: member.settings };
  });
  notes.push(
    ...overruled(
      listed.map(({ settings }) => settings),
      environment.settings,
    ),
  );
  const own = single
    ? [new Effective([document.shared, environment.settings, flags.settings], sources.readFile)]
    : listed.map((member) => withMember(layers, member, sources.readFile));
  problems.push(...own.flatMap((feed) => feed.problems));
  refuseIfAny(problems);
  for (const feed of own) checkRules(feed);
  checkSharedRules(shared);
  refuseIfAny([...shared.problems, ...own.flatMap((feed) => feed.problems), ...repeatedNames(own)]);
  const where = file ?? 'configuration';
  const configured = own.map((feed, index) =>
    toConfigured(feed, listed[index]?.source ?? { kind: 'file', where }, endpointsOf(feed)),
  );
  const sharedConfig = toSharedConfig(shared);
  const separate = membersOf(sharedConfig, sources).map((member) => readSeparate(layers, member, sources.readFile));
  const [sound, invalid] = apart(configured, separate);
  const all = [...configured, ...sound];
  return {
    feeds: all.map(({ config }) => config),
    configured: all,
    invalid,
    shared: sharedConfig,
    notes: [...new Set([...notes, ...shared.notes, ...all.flatMap((feed) => feed.notes)])],
    secrets: [
      ...new Map(
        [...shared.secrets, ...all.flatMap((feed) => feed.secrets)].map((secret) => [secret.reveal(), secret]),
      ).values(),
    ],
    file,
    effective: all.length === 0 ? [shared.settings] : all.map(({ settings }) => settings),
    readFeed: (name, yaml, place) =>
      readSeparate(layers, { name, path: place, text: yaml, kind: 'managed' }, sources.readFile),
  };
}

/** @throws CollectorError CONFIG_INVALID or CONFIG_UNREADABLE where a feed's own file cannot be used */
export function refuseInvalid({ invalid }: Pick<LoadedConfig, 'invalid'>): void {
  refuseIfAny(invalid.flatMap(({ problems }) => problems));
}

/** What stands under and over the keys that are a feed's own. */
interface Layers {
  readonly document: Settings;
  readonly environment: Settings;
  readonly flags: Settings;
}

interface Member {
  readonly source: FeedSource;
  readonly settings: Settings;
}

/** The keys of the whole process. */
function sharedOf({ document, environment, flags }: Layers, readFile: ReadFile): Effective {
  const only = (layer: Settings) => new Map([...layer].filter(([, { key }]) => key.shared));
  return new Effective([document, environment, flags].map(only), readFile);
}

/**
 * Whether the configuration is that of one feed. Where feeds have files of their own it is so only with the console, and
 * with a credential.
 */
function isSingle({ document, environment, flags }: Layers, shared: Effective): boolean {
  if (shared.settings.has('feeds.directory')) return false;
  if (shared.settings.get('console.enabled')?.value !== true) return true;
  const credentials = ['jumpcloud.apiKey', 'jumpcloud.clientSecret'];
  return [document, environment, flags].some((layer) => credentials.some((path) => layer.has(path)));
}

/** Names belong to the feeds: adds a problem for a flag, returns notes for the rest. */
function aboutNames({ document, environment, flags }: Layers, problems: Problem[]): string[] {
  if (flags.has('name')) problems.push({ where: '--name', message: 'cannot name the members of feeds' });
  const notes = document.has('name')
    ? [`${document.get('name')!.origin.name}: name has no effect, since the members of feeds have their own`]
    : [];
  if (environment.has('name')) notes.push('FEED_NAME has no effect: the feeds have names of their own');
  return notes;
}

function withMember({ document, environment, flags }: Layers, { settings }: Member, readFile: ReadFile): Effective {
  return new Effective([without(document, 'name'), without(environment, 'name'), settings, flags], readFile);
}

/** A feed's file: its name is that of the feed. An `error` is why it cannot be read. */
interface FeedFile {
  readonly name: string;
  readonly path: string;
  readonly kind: FeedSource['kind'];
  readonly text: string;
  readonly error?: unknown;
}

const FEED_FILE = /^([^.].*)\.ya?ml$/;

/** @throws CollectorError CONFIG_UNREADABLE where the directory cannot be read */
function membersOf({ feedsDirectory, console }: SharedConfig, sources: ConfigSources): FeedFile[] {
  const operators = feedsDirectory === undefined ? [] : filesIn(feedsDirectory, 'file', sources);
  if (!console.enabled) return operators;
  return [...operators, ...filesIn(join(console.directory, MANAGED_FEEDS), 'managed', sources)];
}

function filesIn(directory: string, kind: FeedSource['kind'], { readDirectory, readFile }: ConfigSources): FeedFile[] {
  let names: readonly string[];
  try {
    names = readDirectory?.(directory) ?? [];
  } catch (error) {
    if (kind === 'managed' && unreadable(error) === 'does not exist') return [];
    throw new CollectorError('CONFIG_UNREADABLE', `the directory of feeds ${directory} ${unreadable(error)}`, {
      cure: `Name a directory that can be read with ${kind === 'file' ? 'feeds.directory; it may be empty' : 'console.directory'}.`,
      cause: error,
    });
  }
  return names
    .filter((name) => FEED_FILE.test(name))
    .sort()
    .map((entry) => {
      const path = join(directory, entry);
      const file = { name: FEED_FILE.exec(entry)![1]!, path, kind };
      try {
        return { ...file, text: readFile(path).text };
      } catch (error) {
        return { ...file, text: '', error };
      }
    });
}

/** Reads a feed that has a file of its own. */
function readSeparate(layers: Layers, file: FeedFile, readFile: ReadFile): ConfiguredFeed | InvalidFeed {
  const { name, path, kind, text, error } = file;
  const source: FeedSource = { kind, where: path };
  const invalid = (problems: readonly Problem[]): InvalidFeed => ({ source, name, problems });
  if (error !== undefined) return invalid([{ where: path, message: unreadable(error), unreadable: true }]);
  const { settings, problems } = readMember(text, path, kind);
  const given = settings.get('name');
  const misnamed =
    given === undefined || given.value === name
      ? []
      : [{ where: given.origin.name, message: `name must be that of the file, ${name}, or be left out` }];
  if (problems.length + misnamed.length > 0) return invalid([...problems, ...misnamed]);
  const named = new Map(settings).set('name', {
    key: keyAt('name'),
    value: name,
    origin: given?.origin ?? { kind, name: path },
  });
  const feed = withMember(layers, { source, settings: named }, readFile);
  if (feed.problems.length === 0) checkRules(feed);
  if (feed.problems.length > 0) return invalid(feed.problems);
  try {
    return toConfigured(feed, source, endpointsOf(feed));
  } catch (thrown) {
    const { message, cure: correction } = asCollectorError(thrown);
    return invalid([{ where: path, message: `${message} ${correction}` }]);
  }
}

/** Feeds with files of their own, without those whose name is taken, and those that cannot be used. */
function apart(
  before: readonly ConfiguredFeed[],
  separate: readonly (ConfiguredFeed | InvalidFeed)[],
): [ConfiguredFeed[], InvalidFeed[]] {
  const taken = new Map(before.map(({ config, source }) => [config.name.toLowerCase(), source.where]));
  const sound: ConfiguredFeed[] = [];
  const invalid: InvalidFeed[] = [];
  for (const feed of separate) {
    const name = 'config' in feed ? feed.config.name : feed.name;
    const first = taken.get(name.toLowerCase());
    if (first !== undefined) {
      const message = `the name of this feed is already that of ${first}`;
      invalid.push({ source: feed.source, name, problems: [{ where: feed.source.where, message }] });
    } else if ('config' in feed) sound.push(feed);
    else invalid.push(feed);
    taken.set(name.toLowerCase(), first ?? feed.source.where);
  }
  return [sound, invalid];
}

function toConfigured(from: Effective, source: FeedSource, endpoints: Endpoints): ConfiguredFeed {
  return {
    source,
    config: toFeedConfig(from, endpoints),
    settings: withEndpoints(from.settings, endpoints),
    notes: from.notes,
    secrets: [...from.secrets],
  };
}

/** What `query` needs of the configuration. */
export interface QuerySettings {
  readonly limits: QueryLimits;
  /** Of the file's shared part: members of `feeds` have lists of their own. */
  readonly lists: QuestionLists;
}

const querySections = ['query', 'questions'];

/**
 * Reads the keys of `query` and `questions` alone: an analyst need not be able to read the feed's secrets, nor repair its
 * other keys.
 * @throws CollectorError CONFIG_INVALID for a problem of these keys or a file that is no configuration, CONFIG_UNREADABLE
 */
export function loadQuerySettings(sources: ConfigSources): QuerySettings {
  const environment = readEnvironment(sources.env);
  const flags = readFlags(sources.flags ?? {});
  const { file, text } = configText(sources);
  const document = readDocument(text, file ?? 'configuration');
  const layers = [document.shared, environment.settings, flags.settings];
  const isOwn = (path: string) => querySections.some((section) => path.startsWith(`${section}.`));
  const own = new Effective(
    layers.map((layer) => new Map([...layer].filter(([path]) => isOwn(path)))),
    sources.readFile,
  );
  const misspelt = environment.problems.filter(({ where }) => /^(?:QUERY|QUESTIONS)_/.test(where));
  refuseIfAny([...document.problems, ...misspelt, ...flags.problems, ...own.problems]);
  return { limits: toQueryLimits(own), lists: toQuestionLists(own) };
}

function toQuestionLists(from: Effective): QuestionLists {
  return new Map([
    ['service_accounts', from.list<string>('questions.lists.serviceAccounts') ?? []],
    ['office_networks', from.list<string>('questions.lists.officeNetworks') ?? []],
    ['countries', from.list<string>('questions.lists.countries') ?? []],
  ]);
}

function toQueryLimits(from: Effective): QueryLimits {
  return {
    memory: from.text('query.memory'),
    temporarySpace: from.text('query.temporarySpace'),
    threads: from.number('query.threads'),
    timeoutMs: from.duration('query.timeout'),
  };
}

/** Reads a file and its permission bits from disk. */
export const readFileFromDisk: ReadFile = (path) => ({
  text: readFileSync(path, 'utf8'),
  mode: statSync(path).mode & 0o777,
});

function configText({ flags, env, readFile, defaultFile }: ConfigSources): { file: string | undefined; text: string } {
  const flag = flags?.[configFileFlag];
  const variable = env[configFileVariable];
  const named = typeof flag === 'string' && flag !== '' ? flag : variable === '' ? undefined : variable;
  const file = named ?? defaultFile;
  if (file === undefined) return { file, text: '' };
  try {
    return { file, text: readFile(file).text };
  } catch (error) {
    if (named === undefined && unreadable(error) === 'does not exist') return { file: undefined, text: '' };
    throw new CollectorError('CONFIG_UNREADABLE', `the configuration file ${file} ${unreadable(error)}`, {
      cure: 'Name a readable file with --config or CONFIG_FILE, or none to configure by environment and flags alone.',
      cause: error,
    });
  }
}

function without(settings: Settings, path: string): Settings {
  return new Map([...settings].filter(([candidate]) => candidate !== path));
}

/** Notes about variables that a feed of the file does not follow. */
function overruled(members: readonly Settings[], environment: Settings): string[] {
  const notes: string[] = [];
  for (const [path, { origin }] of environment) {
    const own = members.filter((member) => path !== 'name' && member.has(path)).map((member) => member.get(path)!);
    if (own.length > 0)
      notes.push(
        `${origin.name} is the default only: ${own.map((setting) => setting.origin.name).join(', ')} sets ${path}`,
      );
  }
  return notes;
}

/** Feeds share folders, topics and metrics, and some file systems ignore case. */
function repeatedNames(feeds: readonly Effective[]): Problem[] {
  const seen = new Map<string, string>();
  const problems: Problem[] = [];
  for (const feed of feeds) {
    const name = feed.text('name').toLowerCase();
    const first = seen.get(name);
    if (first === undefined) seen.set(name, feed.where('name'));
    else problems.push({ where: feed.where('name'), message: `the name of this feed is already that of ${first}` });
  }
  return problems;
}

function refuseIfAny(problems: readonly Problem[]): void {
  const lines = [...new Set(problems.map(({ where, message }) => `${where}: ${message}`))];
  if (lines.length === 0) return;
  const code = problems.every((problem) => problem.unreadable) ? 'CONFIG_UNREADABLE' : 'CONFIG_INVALID';
  const shown = lines.slice(0, 20).map((line) => `\n  ${line}`);
  const message = lines.length === 1 ? lines[0]! : `${lines.length} problems in the configuration:${shown.join('')}`;
  throw new CollectorError(code, message, { cure });
}

function toFeedConfig(from: Effective, endpoints: Endpoints): FeedConfig {
  const interval = from.durationOrNever('poll.interval');
  const noDataAfter = from.durationOrNever('health.noDataAfter');
  const inventoryInterval = from.durationOrNever('inventory.interval');
  return {
    name: from.text('name'),
    contact: { name: from.optionalText('contact.name'), email: from.optionalText('contact.email') },
    description: from.optionalText('description'),
    owners: from.list<JsonObject>('owners')?.map(toOwner) ?? [],
    account: { name: from.optionalText('account.name'), tag: from.boolean('account.tag') },
    classes: from.list<number>('classes'),
    jumpcloud: {
      endpoints,
      authorization: from.choice('jumpcloud.authorization'),
      authorizationGiven: from.given('jumpcloud.authorization'),
      apiKey: from.secret('jumpcloud.apiKey'),
      clientId: from.optionalText('jumpcloud.clientId'),
      clientSecret: from.secret('jumpcloud.clientSecret'),
      orgId: from.optionalText('jumpcloud.orgId'),
      eventTypes: from.list<EventType>('jumpcloud.eventTypes')!,
      keyCreated: from.moment('jumpcloud.keyCreated'),
      keyExpires: from.momentOrNever('jumpcloud.keyExpires'),
      keyLifetimeMs: from.durationOrNever('jumpcloud.keyLifetime'),
      ca: from.optionalText('jumpcloud.ca'),
    },
    poll: {
      intervalMs: interval === 'never' ? Number.POSITIVE_INFINITY : interval,
      overlapMs: from.duration('poll.overlap'),
      start: from.start('poll.start'),
      pageSize: from.number('poll.pageSize'),
      requestsPerSecond: from.number('poll.requestsPerSecond'),
    },
    reconcile: {
      enabled: from.boolean('reconcile.enabled'),
      intervalMs: from.duration('reconcile.interval'),
      reachMs: from.duration('reconcile.reach'),
      longIntervalMs: from.duration('reconcile.longInterval'),
      longReachMs: from.duration('reconcile.longReach'),
    },
    inventory: {
      intervalMs: inventoryInterval === 'never' ? undefined : inventoryInterval,
      membershipsIntervalMs: from.duration('inventory.membershipsInterval'),
      fullIntervalMs: from.duration('inventory.fullInterval'),
      requestsPerSecond: from.number('inventory.requestsPerSecond'),
      accountEdges: from.boolean('inventory.accountEdges'),
      clientId: from.optionalText('inventory.clientId'),
      clientSecret: from.secret('inventory.clientSecret'),
      employees: from.optionalText('inventory.employees'),
      enrich: from.boolean('inventory.enrich'),
      directory: from.text('inventory.directory'),
      directoryLasts: from.text('sink') !== 'kafka' || isAbsolute(from.text('inventory.directory')),
    },
    sink: from.text('sink'),
    sinkSection: from.section(from.text('sink')),
    rawData: from.boolean('rawData'),
    tables: { directory: from.text('tables.directory'), keepDays: from.optionalNumber('tables.keepDays') },
    state: { directory: from.text('state.directory') },
    questions: {
      lists: toQuestionLists(from),
      watch: from.list<string>('questions.watch') ?? [],
      intervalMs: from.duration('questions.interval'),
      limits: toQueryLimits(from),
    },
    kafka: toKafkaConfig(from),
    // A feed that polls only when it is asked to may be silent.
    webhook: toWebhookConfig(from),
    health: { noDataAfterMs: noDataAfter === 'never' || interval === 'never' ? undefined : noDataAfter },
    respond: toRespondConfig(from),
  };
}

function toRespondConfig(from: Effective): RespondConfig {
  const directory = from.text('respond.directory');
  return {
    clientId: from.optionalText('respond.clientId'),
    clientSecret: from.secret('respond.clientSecret'),
    secretExpires: from.momentOrNever('respond.secretExpires'),
    orgId: from.optionalText('respond.orgId'),
    allow: from.list<string>('respond.allow') ?? [],
    groups: from.list<string>('respond.groups') ?? [],
    protectedUsers: from.list<string>('respond.protectedUsers') ?? [],
    protectedGroups: from.list<string>('respond.protectedGroups') ?? [],
    actionsPerHour: from.number('respond.actionsPerHour'),
    // Feeds share the folder, never a journal: an action is settled with the credential that sent it.
    directory: join(directory, from.text('name')),
    killSwitch: from.optionalText('respond.killSwitch') ?? join(directory, 'STOP'),
  };
}

function toOwner({ name, email }: JsonObject): Owner {
  return { name: String(name), ...(typeof email === 'string' ? { email } : {}) };
}

/** The settings with the addresses that follow from the region or the base address. */
function withEndpoints(settings: Settings, endpoints: FeedConfig['jumpcloud']['endpoints']): Settings {
  const completed = new Map<string, Setting>();
  for (const key of keys) {
    const setting = settings.get(key.path);
    const open = setting === undefined || setting.origin.kind === 'default';
    const followed = key.segments[0] === 'jumpcloud' ? endpoints[key.segments[1] as keyof typeof endpoints] : undefined;
    if (open && followed !== undefined && followed !== setting?.value)
      completed.set(key.path, { key, value: followed, origin: { kind: 'derived', name: 'follows from the region' } });
    else if (setting !== undefined) completed.set(key.path, setting);
  }
  return completed;
}

function toKafkaConfig(from: Effective): FeedConfig['kafka'] {
  return {
    brokers: from.list<string>('kafka.brokers') ?? [],
    clientId: from.text('kafka.clientId'),
    topicPrefix: from.text('kafka.topicPrefix'),
    delivery: from.choice('kafka.delivery'),
    compression: from.choice('kafka.compression'),
    tls: {
      enabled: from.boolean('kafka.tls.enabled'),
      ca: from.optionalText('kafka.tls.ca'),
      cert: from.optionalText('kafka.tls.cert'),
      key: from.secret('kafka.tls.key'),
      serverName: from.optionalText('kafka.tls.serverName'),
    },
    sasl: {
      mechanism: from.settings.has('kafka.sasl.mechanism') ? from.choice('kafka.sasl.mechanism') : undefined,
      username: from.optionalText('kafka.sasl.username'),
      password: from.secret('kafka.sasl.password'),
      tokenEndpoint: from.optionalText('kafka.sasl.tokenEndpoint'),
      clientId: from.optionalText('kafka.sasl.clientId'),
      clientSecret: from.secret('kafka.sasl.clientSecret'),
      scope: from.optionalText('kafka.sasl.scope'),
    },
    topics: {
      create: from.choice('kafka.topics.create'),
      partitions: from.number('kafka.topics.partitions'),
      replication: from.optionalNumber('kafka.topics.replication'),
      names: from.map('kafka.topics.names'),
    },
  };
}

function toWebhookConfig(from: Effective): FeedConfig['webhook'] {
  const secrets = [from.secret('webhook.secret'), from.secret('webhook.previousSecret')];
  return {
    enabled: from.boolean('webhook.enabled'),
    authorization: from.choice('webhook.authorization'),
    user: from.text('webhook.user'),
    header: from.text('webhook.header').toLowerCase(),
    secrets: secrets.filter((secret) => secret !== undefined),
    alertsIntervalMs: from.duration('webhook.alertsInterval'),
  };
}

function toSharedConfig(from: Effective): SharedConfig {
  return {
    log: { level: from.choice('log.level'), format: from.choice('log.format') },
    http: {
      enabled: from.boolean('http.enabled'),
      host: from.text('http.host'),
      port: from.number('http.port'),
      token: from.secret('http.token'),
    },
    receiver: {
      host: from.text('receiver.host'),
      port: from.number('receiver.port'),
      url: from.optionalText('receiver.url')?.replace(/\/+$/, ''),
      cert: from.optionalText('receiver.cert'),
      key: from.secret('receiver.key'),
    },
    query: toQueryLimits(from),
    console: toConsoleConfig(from),
    memory: { budget: bytesOf(from.text('memory.budget')) },
    shutdown: { graceMs: from.duration('shutdown.grace') },
    feedsDirectory: from.optionalText('feeds.directory'),
  };
}

function toConsoleConfig(from: Effective): ConsoleConfig {
  return {
    enabled: from.boolean('console.enabled'),
    host: from.text('console.host'),
    port: from.number('console.port'),
    publicUrl: from.optionalText('console.publicUrl'),
    tls: { cert: from.optionalText('console.tls.cert'), key: from.secret('console.tls.key') },
    directory: from.text('console.directory'),
    manage: from.boolean('console.manage'),
    session: { idleMs: from.duration('console.session.idle'), maxMs: from.duration('console.session.max') },
    addresses: from.list<string>('console.addresses'),
    roots: {
      tables: from.optionalText('console.roots.tables'),
      secrets: from.optionalText('console.roots.secrets'),
      ca: from.optionalText('console.roots.ca'),
    },
    query: {
      enabled: from.boolean('console.query.enabled'),
      memory: from.text('console.query.memory'),
      timeoutMs: from.duration('console.query.timeout'),
      rows: from.number('console.query.rows'),
    },
    adminPassword: from.secret('console.adminPassword'),
  };
}
