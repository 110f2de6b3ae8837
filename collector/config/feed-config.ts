import type { Instant } from '../../mappings/instant.js';
import type { JsonValue } from '../../mappings/json.js';
import type { Endpoints } from '../jumpcloud/http/endpoints.js';
import type { AuthorizationMode } from '../jumpcloud/http/observer.js';
import type { LogFormat, LogLevel } from '../log/levels.js';
import type { EventType } from '../position/event-families.js';
import type { Secret } from './secret.js';

/** Where a feed without a position begins. */
export type PollStart =
  | { readonly kind: 'instant'; readonly instant: Instant }
  | { readonly kind: 'back'; readonly ms: number };

export type SaslMechanism = 'plain' | 'scram-sha-256' | 'scram-sha-512' | 'oauthbearer';

/** Everything a feed is configured with, checked. Names ending in `Ms` are milliseconds; dates are epoch milliseconds. */
export interface FeedConfig {
  /** Safe in file, topic and metric names. */
  readonly name: string;
  readonly contact: { readonly name: string | undefined; readonly email: string | undefined };
  readonly description: string | undefined;
  readonly owners: readonly Owner[];
  /** `tag`: each event carries the name. */
  readonly account: { readonly name: string | undefined; readonly tag: boolean };
  readonly questions: {
    readonly lists: QuestionLists;
    /** Questions that are asked while the feed runs, each with its parameters: `password-spraying users=10`. */
    readonly watch: readonly string[];
    readonly intervalMs: number;
    /** What each may take. */
    readonly limits: QueryLimits;
  };
  /** OCSF class_uids that are delivered as events; undefined: all. */
  readonly classes: readonly number[] | undefined;
  readonly jumpcloud: JumpCloudConfig;
  readonly poll: {
    /** Infinity: it polls only when it is asked to. */
    readonly intervalMs: number;
    readonly overlapMs: number;
    readonly start: PollStart;
    readonly pageSize: number;
    readonly requestsPerSecond: number;
  };
  readonly reconcile: {
    readonly enabled: boolean;
    readonly intervalMs: number;
    readonly reachMs: number;
    readonly longIntervalMs: number;
    readonly longReachMs: number;
  };
  readonly inventory: InventoryConfig;
  /** The name of its sink, one of those that the schema lists. */
  readonly sink: string;
  /** What the section named after the sink says, defaults filled in; secrets are left out. For a sink whose settings are plain values. */
  readonly sinkSection: Readonly<Record<string, JsonValue>>;
  readonly rawData: boolean;
  /** `keepDays` undefined: for ever. */
  readonly tables: { readonly directory: string; readonly keepDays: number | undefined };
  readonly state: { readonly directory: string };
  readonly kafka: KafkaConfig;
  readonly webhook: WebhookConfig;
  /** `noDataAfterMs` undefined: the feed may be silent. */
  readonly health: { readonly noDataAfterMs: number | undefined };
  readonly respond: RespondConfig;
}

/** Response: a credential of its own, and what it may do. */
export interface RespondConfig {
  readonly clientId: string | undefined;
  readonly clientSecret: Secret | undefined;
  /** Epoch milliseconds; undefined: not known. */
  readonly secretExpires: number | 'never' | undefined;
  readonly orgId: string | undefined;
  /** Verbs; empty: nothing is ever done. */
  readonly allow: readonly string[];
  readonly groups: readonly string[];
  readonly protectedUsers: readonly string[];
  readonly protectedGroups: readonly string[];
  readonly actionsPerHour: number;
  readonly directory: string;
  readonly killSwitch: string;
}

/** A person or team that owns a feed. */
export interface Owner {
  readonly name: string;
  readonly email?: string;
}

export interface JumpCloudConfig {
  /** Base, console and token addresses, from `baseUrl`, `consoleUrl`, `tokenUrl` and `region`. */
  readonly endpoints: Endpoints;
  readonly authorization: AuthorizationMode;
  /** True where `authorization` was set by name rather than left at its default. */
  readonly authorizationGiven: boolean;
  readonly apiKey: Secret | undefined;
  readonly clientId: string | undefined;
  readonly clientSecret: Secret | undefined;
  readonly orgId: string | undefined;
  readonly eventTypes: readonly EventType[];
  readonly keyCreated: number | undefined;
  readonly keyExpires: number | 'never' | undefined;
  readonly keyLifetimeMs: number | 'never';
  /** PEM file, known to be readable. */
  readonly ca: string | undefined;
}

export interface InventoryConfig {
  /** Undefined: the running feed reads no directory. */
  readonly intervalMs: number | undefined;
  readonly membershipsIntervalMs: number;
  readonly fullIntervalMs: number;
  readonly requestsPerSecond: number;
  readonly accountEdges: boolean;
  /** A service account of its own, both or neither; undefined: the feed's credential reads the directory. */
  readonly clientId: string | undefined;
  readonly clientSecret: Secret | undefined;
  readonly employees: string | undefined;
  /** Events that carry only a user's name say who in the directory that is. */
  readonly enrich: boolean;
  /** Above the folders of the feeds. */
  readonly directory: string;
  /** False where the sink needs no volume and this is no absolute path, so that it may be gone after each start. */
  readonly directoryLasts: boolean;
}

export interface WebhookConfig {
  readonly enabled: boolean;
  readonly authorization: 'token' | 'basic' | 'header';
  readonly user: string;
  /** Lower case. */
  readonly header: string;
  /** The secret, and the one before it during a rotation; none: those that `webhook token` made. */
  readonly secrets: readonly Secret[];
  readonly alertsIntervalMs: number;
}

export interface KafkaConfig {
  /** Not empty where the sink is kafka. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly topicPrefix: string;
  readonly delivery: 'exactly_once' | 'at_least_once';
  readonly compression: 'none' | 'gzip' | 'zstd';
  /** `ca` and `cert` are PEM files, known to be readable. */
  readonly tls: {
    readonly enabled: boolean;
    readonly ca: string | undefined;
    readonly cert: string | undefined;
    readonly key: Secret | undefined;
    readonly serverName: string | undefined;
  };
  /** Complete for its mechanism; `mechanism` undefined: no SASL. */
  readonly sasl: {
    readonly mechanism: SaslMechanism | undefined;
    readonly username: string | undefined;
    readonly password: Secret | undefined;
    readonly tokenEndpoint: string | undefined;
    readonly clientId: string | undefined;
    readonly clientSecret: Secret | undefined;
    readonly scope: string | undefined;
  };
  readonly topics: {
    readonly create: 'if_missing' | 'never';
    readonly partitions: number;
    /** Undefined: three, or as many as there are brokers. */
    readonly replication: number | undefined;
    /** Full topic names by class name, `dead_letters`, `raw` or `state`. */
    readonly names: ReadonlyMap<string, string>;
  };
}

/** Lists by the names of the questions' parameters that take them. */
export type QuestionLists = ReadonlyMap<string, readonly string[]>;

/** What concerns the whole process. */
export interface SharedConfig {
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
  readonly http: {
    readonly enabled: boolean;
    readonly host: string;
    readonly port: number;
    readonly token: Secret | undefined;
  };
  /** `url` without a slash at its end; `cert` a PEM file, known to be readable, and there where `key` is. */
  readonly receiver: {
    readonly host: string;
    readonly port: number;
    readonly url: string | undefined;
    readonly cert: string | undefined;
    readonly key: Secret | undefined;
  };
  readonly query: QueryLimits;
  readonly console: ConsoleConfig;
  /** `budget` in bytes. */
  readonly memory: { readonly budget: number };
  readonly shutdown: { readonly graceMs: number };
  /** Directory with a file per feed; undefined: none. */
  readonly feedsDirectory: string | undefined;
}

/** The console; safe to listen with where `enabled`. */
export interface ConsoleConfig {
  readonly enabled: boolean;
  readonly host: string;
  readonly port: number;
  readonly publicUrl: string | undefined;
  /** Both or neither. `cert` is a PEM file, known to be readable. */
  readonly tls: { readonly cert: string | undefined; readonly key: Secret | undefined };
  readonly directory: string;
  readonly manage: boolean;
  readonly session: { readonly idleMs: number; readonly maxMs: number };
  /** Hosts of base addresses; undefined: JumpCloud's own. */
  readonly addresses: readonly string[] | undefined;
  readonly roots: {
    readonly tables: string | undefined;
    readonly secrets: string | undefined;
    readonly ca: string | undefined;
  };
  readonly query: {
    readonly enabled: boolean;
    readonly memory: string;
    readonly timeoutMs: number;
    readonly rows: number;
  };
  readonly adminPassword: Secret | undefined;
}

/** What one statement may take of the machine. */
export interface QueryLimits {
  /** DuckDB's memory, as DuckDB writes it: `256MB` is 256,000,000 bytes. */
  readonly memory: string;
  /** What may be spilled to the system's temporary directory. */
  readonly temporarySpace: string;
  readonly threads: number;
  /** How long DuckDB may work, in milliseconds; the time that a reader takes over the rows does not count. */
  readonly timeoutMs: number;
}
