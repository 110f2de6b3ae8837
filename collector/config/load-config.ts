import { readFileSync, statSync } from 'node:fs';
import { CollectorError } from '../errors.js';
import type { EventType } from '../position/event-families.js';
import { checkRules, endpointsOf } from './cross-checks.js';
import { configFileVariable, readEnvironment } from './environment.js';
import type { FeedConfig, QueryLimits, SharedConfig } from './feed-config.js';
import { configFileFlag, type Flags, readFlags } from './flags.js';
import { keys } from './keys.js';
import { Effective } from './resolve.js';
import { type ReadFile, type Secret, unreadable } from './secret.js';
import type { Problem, Setting, Settings } from './setting.js';
import { readDocument } from './yaml.js';

/** Where a configuration comes from. */
export interface ConfigSources {
  /** What yargs parsed (options of `flagOptions`). */
  readonly flags?: Flags;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: ReadFile;
  /** Read where neither `--config` nor CONFIG_FILE names a file; need not exist. */
  readonly defaultFile?: string;
}

/** A configuration that has passed every check. */
export interface LoadedConfig {
  readonly feeds: readonly FeedConfig[];
  readonly shared: SharedConfig;
  /** Sentences an operator should read at start. No secrets. */
  readonly notes: readonly string[];
  /** Every secret in force, for the log's redactor. */
  readonly secrets: readonly Secret[];
  /** The file that was read; undefined: none. */
  readonly file: string | undefined;
  /** The settings in force with their origins, one a feed, for `config print`. */
  readonly effective: readonly Settings[];
}

/** Looked for by the command where no file is named. */
export const defaultConfigFile = '/etc/jumpcloud-ocsf/config.yaml';

const cure = 'Correct what is named and start again; `jumpcloud-ocsf config schema` lists every key.';
const none: Settings = new Map();

/**
 * Reads the configuration: flag over environment over file over default. Where the file lists `feeds`, a member's own
 * keys stand over the environment, which then sets shared defaults only; flags stand over everything.
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
  const layers =
    document.feeds === undefined
      ? [[document.shared, environment.settings, flags.settings]]
      : document.feeds.map((member) => [
          without(document.shared, 'name'),
          without(environment.settings, 'name'),
          member.settings,
          flags.settings,
        ]);
  if (document.feeds !== undefined) {
    for (const member of document.feeds)
      if (!member.settings.has('name'))
        problems.push({ where: member.where, message: 'a member of feeds needs a name' });
    if (flags.settings.has('name')) problems.push({ where: '--name', message: 'cannot name the members of feeds' });
    if (document.shared.has('name'))
      notes.push(
        `${document.shared.get('name')!.origin.name}: name has no effect, since the members of feeds have their own`,
      );
    notes.push(
      ...overruled(
        document.feeds.map((member) => member.settings),
        environment.settings,
      ),
    );
  }
  const feeds = layers.map((feedLayers) => new Effective(feedLayers, sources.readFile));
  const shared = feeds[0] ?? new Effective([none], sources.readFile);
  problems.push(...feeds.flatMap((feed) => feed.problems));
  refuseIfAny(problems);
  for (const feed of feeds) checkRules(feed);
  refuseIfAny([...feeds.flatMap((feed) => feed.problems), ...repeatedNames(feeds)]);
  const configs = feeds.map(toFeedConfig);
  return {
    feeds: configs,
    shared: toSharedConfig(shared),
    notes: [...new Set([...notes, ...feeds.flatMap((feed) => feed.notes)])],
    secrets: [
      ...new Map(feeds.flatMap((feed) => [...feed.secrets]).map((secret) => [secret.reveal(), secret])).values(),
    ],
    file,
    effective: feeds.map((feed, index) => withEndpoints(feed.settings, configs[index]!.jumpcloud.endpoints)),
  };
}

/**
 * Reads the limits of `query` alone: an analyst need not be able to read the feed's secrets, nor repair its other keys.
 * @throws CollectorError CONFIG_INVALID for a problem of these keys or a file that is no configuration, CONFIG_UNREADABLE
 */
export function loadQueryLimits(sources: ConfigSources): QueryLimits {
  const environment = readEnvironment(sources.env);
  const flags = readFlags(sources.flags ?? {});
  const { file, text } = configText(sources);
  const document = readDocument(text, file ?? 'configuration');
  const layers = [document.shared, environment.settings, flags.settings];
  const own = new Effective(
    layers.map((layer) => new Map([...layer].filter(([path]) => path.startsWith('query.')))),
    sources.readFile,
  );
  const misspelt = environment.problems.filter(({ where }) => where.startsWith('QUERY_'));
  refuseIfAny([...document.problems, ...misspelt, ...flags.problems, ...own.problems]);
  return toQueryLimits(own);
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
  const notes = environment.has('name')
    ? ['FEED_NAME has no effect: the file lists feeds with names of their own']
    : [];
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

function toFeedConfig(from: Effective): FeedConfig {
  const noDataAfter = from.durationOrNever('health.noDataAfter');
  return {
    name: from.text('name'),
    contact: { name: from.optionalText('contact.name'), email: from.optionalText('contact.email') },
    classes: from.list<number>('classes'),
    jumpcloud: {
      endpoints: endpointsOf(from),
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
      intervalMs: from.duration('poll.interval'),
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
    sink: from.text('sink'),
    sinkSection: from.section(from.text('sink')),
    rawData: from.boolean('rawData'),
    tables: { directory: from.text('tables.directory'), keepDays: from.optionalNumber('tables.keepDays') },
    state: { directory: from.text('state.directory') },
    kafka: toKafkaConfig(from),
    health: { noDataAfterMs: noDataAfter === 'never' ? undefined : noDataAfter },
  };
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

function toSharedConfig(from: Effective): SharedConfig {
  return {
    log: { level: from.choice('log.level'), format: from.choice('log.format') },
    http: {
      enabled: from.boolean('http.enabled'),
      host: from.text('http.host'),
      port: from.number('http.port'),
      token: from.secret('http.token'),
    },
    query: toQueryLimits(from),
    shutdown: { graceMs: from.duration('shutdown.grace') },
  };
}
