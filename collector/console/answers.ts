import type { JsonValue } from '../../mappings/json.js';
import type { Investigation } from '../diagnostics/investigate.js';
import type { FeedView } from '../monitoring/status/feed-status.js';
import type { InventoryView } from '../monitoring/status/inventory-status.js';
import type { ReconciledHour } from '../reconcile/hour-report.js';
import type { RepairView } from '../reconcile/repair-queue.js';
import type { Approval, Outcome, Result } from '../response/action-journal.js';
import type { Refusal } from '../response/guards.js';
import type { Plan } from '../response/plan.js';
import type { Verb, VerbFacts } from '../response/verbs.js';
import type { FeedState } from './state-words.js';

/*
 * What the API takes and answers, as types alone: nothing of this file runs. Times are RFC 3339 in UTC; null stands for
 * "not known" or "none"; a number that is not known is never 0.
 */

/** From the least to the most: each role may do what the ones before it may. */
export type Role = 'viewer' | 'analyst' | 'operator' | 'admin';

export type Json = JsonValue;

/** Every refusal, as RFC 9457 says: `application/problem+json`. */
export interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  /** One word of this API, such as `STALE`, `MANAGED_BY_FILE`, `CREDENTIAL_NEEDED`, or an error code of the collector. */
  readonly code: string;
  readonly detail: string;
  readonly cure: string;
  /** Places in the body, as JSON Pointers; `/jumpcloud/apiKey`. */
  readonly problems?: readonly { readonly pointer: string; readonly message: string }[];
  /** Of a second save (412): who saved in the meantime, when, and what is in force now. */
  readonly present?: { readonly by: string; readonly at: string; readonly etag: string };
  /** Of a change that needs to be confirmed (409): what to send as `?confirm=`. */
  readonly confirm?: 'new-position' | 'other-organization';
  /** Seconds until it may be tried again (429, 503). */
  readonly retryAfter?: number;
}

/** Who asks. */
export interface Session {
  readonly user: string;
  readonly role: Role;
  /** `session` for a person with a cookie, `token` for a program. */
  readonly kind: 'session' | 'token';
  /** Only in the answer to a login: to be sent as `x-console-proof` with every request, and kept in sessionStorage. */
  readonly proof?: string;
  /** When it ends without another request, and when in any case. */
  readonly idleUntil: string | null;
  readonly endsAt: string | null;
  /** False: the console shows and changes nothing (`console.manage: false`). */
  readonly manage: boolean;
}

/** A login: by password, or by a one-time link, which sets the password (and, for the first administrator, the name). */
export type Login =
  | { readonly user: string; readonly password: string }
  | { readonly token: string; readonly password: string; readonly user?: string };

export interface Catalogue {
  readonly sources: readonly {
    readonly id: 'jumpcloud';
    readonly title: string;
    readonly description: string;
    readonly needs: string;
    readonly methods: readonly {
      readonly id: 'api' | 'webhook';
      readonly title: string;
      readonly description: string;
    }[];
  }[];
  readonly sinks: readonly string[];
  readonly regions: readonly { readonly id: string; readonly title: string; readonly baseUrl: string }[];
  /** Hosts that a base address may name; loopback ones for simulations. */
  readonly addresses: readonly string[];
  readonly roots: { readonly tables: string | null; readonly secrets: string | null; readonly ca: string | null };
}

/** Where a feed is written down, and so who can change it. */
export interface Provenance {
  readonly kind: 'file' | 'console' | 'api';
  /** `config.yaml:12`; the user's or the token's name. */
  readonly where: string;
  readonly readOnly: boolean;
}

export interface Owner {
  readonly name: string;
  readonly email?: string;
}

/** A feed in the list: trimmed, at most 400 bytes without its texts. */
export interface FeedSummary {
  readonly name: string;
  readonly description: string | null;
  readonly account: string | null;
  readonly owners: readonly Owner[];
  readonly organization: string | null;
  readonly state: FeedState;
  readonly provenance: Provenance;
  readonly sink: string;
  readonly events24h: number | null;
  /** Events per hour of the last 24, oldest first; null: nothing is known of that hour. */
  readonly hours: readonly (number | null)[];
  readonly lagSeconds: number | null;
  readonly missing: number | null;
  readonly deadLetters: number | null;
  readonly keyDaysLeft: number | null;
  readonly lastRecord: string | null;
}

export interface FeedList {
  readonly feeds: readonly FeedSummary[];
  /** Removed within the last 30 days: can be restored. */
  readonly removed: readonly {
    readonly name: string;
    readonly by: string;
    readonly at: string;
    /** When its tables are deleted; null: they stay. */
    readonly tablesGo: string | null;
  }[];
  readonly drafts: readonly DraftSummary[];
}

/**
 * A feed as it was PUT, member by member and in its spelling; a stored secret reads as `{"stored": "sha256:…"}`, a
 * reference to a file as it was given.
 */
export type FeedDocument = { readonly name: string } & { readonly [section: string]: Json };

/** A stored secret as it is shown. */
export interface StoredSecret {
  /** First 16 digits of the digest; sent back it means: keep this one. */
  readonly stored: string;
  readonly lastFour: string | null;
  readonly since: string;
}

/**
 * What became of a save, in response headers: `ETag`, `x-applied`, `x-job` (id, where one goes on) and `x-notes`
 * (a JSON list of sentences, percent-encoded: what was taken off a pasted key, for example).
 */
export type Applied = 'live' | 'started' | 'restarted' | 'stopped';

export interface FeedStatus {
  readonly name: string;
  readonly state: FeedState;
  readonly provenance: Provenance;
  readonly etag: string | null;
  /** What /status shows of it; null: it does not run in this process. */
  readonly view: FeedView | null;
  readonly secrets: Readonly<Record<string, StoredSecret>>;
  /** Jobs of this feed, newest first. */
  readonly jobs: readonly Job[];
}

/** Every key of a feed with its value and where that comes from. */
export interface Effective {
  readonly keys: readonly {
    readonly path: string;
    /** Of a secret: `[secret]`, or the file that holds it. */
    readonly value: Json;
    readonly origin: {
      readonly kind: 'flag' | 'environment' | 'file' | 'default' | 'derived' | 'managed';
      readonly name: string;
    };
  }[];
}

export interface Revision {
  readonly number: number;
  readonly etag: string;
  readonly by: string;
  readonly at: string;
  readonly action: 'created' | 'changed' | 'restored' | 'removed' | 'renewed' | 'deleted' | 'kept';
  readonly changes: readonly { readonly path: string; readonly from: Json; readonly to: Json }[];
}

export interface Revisions {
  readonly revisions: readonly Revision[];
}

/** One line of a test (NDJSON). The last line is `{"done": true, "worst": …}`. */
export type TestLine =
  | {
      readonly part: string;
      readonly verdict: 'ok' | 'warning' | 'failed';
      readonly message: string;
      readonly cure?: string;
      readonly code?: string;
      /** Key of the form that it is about. */
      readonly field?: string;
    }
  | { readonly done: true; readonly worst: 'ok' | 'warning' | 'failed'; readonly header: string | null };

export interface DraftSummary {
  readonly name: string;
  readonly by: string;
  readonly at: string;
  /** Whom its author asked for the key. */
  readonly waitingFor: string | null;
}

export interface Draft extends DraftSummary {
  /** Without secrets. */
  readonly document: Json;
}

/** Work that goes on after its request was answered (202). */
export interface Job {
  readonly id: string;
  readonly kind:
    | 'start'
    | 'stop'
    | 'remove'
    | 'repair'
    | 'backfill'
    | 'replay'
    | 'run'
    | 'renew'
    | 'respond'
    | 'inventory';
  readonly feed: string;
  readonly by: string;
  readonly state: 'running' | 'done' | 'failed';
  readonly startedAt: string;
  readonly endedAt: string | null;
  /** Share done, 0 to 1; null: not known. */
  readonly progress: number | null;
  readonly message: string;
  readonly error: { readonly code: string; readonly message: string; readonly cure: string } | null;
  readonly repair?: RepairView;
  readonly replayed?: Replayed;
}

export interface Activity {
  readonly from: string;
  readonly to: string;
  /** Seconds per bucket. */
  readonly step: number;
  /** Names of the series: `received`, `events`, `deadLetters`, `duplicates`, `notSelected`, `raw`, `late`, `class:3002`… */
  readonly series: Readonly<Record<string, readonly (number | null)[]>>;
  readonly marks: readonly { readonly at: string; readonly kind: string; readonly text: string }[];
  readonly silenceLimitSeconds: number | null;
}

export interface Completeness {
  readonly hours: readonly ReconciledHour[];
  /** Records missing in all of them. */
  readonly missing: number;
  readonly repair: RepairView | null;
}

export interface LogPage {
  readonly lines: readonly {
    readonly id: number;
    readonly time: string;
    readonly level: string;
    readonly message: string;
    readonly fields: Readonly<Record<string, Json>>;
  }[];
  /** To be sent as `after=` next time. */
  readonly next: number;
  /** Lines between `after` and the first one that the ring no longer holds. */
  readonly lost: number;
}

/** How JumpCloud's webhook channel is connected with a feed. */
export interface WebhookConnection {
  /** False: `webhook.enabled` is not set, so that the feed takes none. */
  readonly enabled: boolean;
  /** Of the channel; in angle brackets what the configuration lacks (`receiver.url`). */
  readonly url: string;
  readonly hasAddress: boolean;
  /** What to do in JumpCloud's portal. No secret. */
  readonly steps: readonly string[];
  readonly secret: 'configuration' | 'made' | 'none';
  /** Until when the secret before is taken too; null: no other is. */
  readonly previousUntil: string | null;
  /** What came since the process started; null: the feed takes no webhooks now. */
  readonly view: FeedView['webhook'];
}

/** Shown once. */
export interface NewWebhookSecret {
  readonly secret: string;
  readonly previousUntil: string | null;
}

/** A finding as its latest event shows it. */
export interface Finding {
  readonly at: string;
  readonly finding: string;
  readonly title: string | null;
  readonly severity: string | null;
  readonly status: string | null;
  /** The rule that raised it. */
  readonly rule: string | null;
  /** Name or id of whom, or what, it is about. */
  readonly about: string | null;
  readonly account: string | null;
  readonly occurrences: number | string | null;
}

export interface Findings {
  readonly findings: readonly Finding[];
  /** There are older ones. */
  readonly more: boolean;
  readonly skippedFiles: number;
}

export interface FindingDetails extends Finding {
  /** The event as it was delivered. */
  readonly event: Json;
  /** The event behind it, as it was collected; null: the tables hold none. */
  readonly evidence: Json;
  /** Id of whom it is about; null: it names no user. */
  readonly user: string | null;
  readonly person: Investigation | null;
}

export interface Inventory {
  /** Null: the feed reads no directory, and nobody has asked it to. */
  readonly view: InventoryView | null;
}

/** What an inventory holds now; members that its kind does not have are null. */
export interface DirectoryEntry {
  readonly kind: 'user' | 'administrator' | 'group' | 'role' | 'application';
  readonly id: string;
  readonly name: string | null;
  readonly account: string | null;
  /** When it was first seen. */
  readonly since: string | null;
  readonly email: string | null;
  readonly state: string | null;
  readonly locked: boolean | null;
  readonly mfa: boolean | null;
  /** Users alone: administrators have no profile at JumpCloud. */
  readonly department: string | null;
  /** Of a user: the administrator account that is linked. */
  readonly administrator_id: string | null;
  /** Of an administrator. */
  readonly role: string | null;
  readonly description: string | null;
  /** Of a group: how it gets its members. */
  readonly method: string | null;
}

export interface Directory {
  readonly entries: readonly DirectoryEntry[];
  readonly more: boolean;
  readonly skippedFiles: number;
}

/** A relationship of an entry. */
export interface DirectoryRelation {
  /** `to`: it belongs to the entry, or may use it; `from`: the entry belongs to it. */
  readonly direction: 'to' | 'from';
  readonly kind: DirectoryEntry['kind'];
  readonly id: string;
  /** Null: the directory does not list it now. */
  readonly name: string | null;
  readonly via: string | null;
  readonly since: string | null;
  /** Null: it holds. */
  readonly ended: string | null;
}

export interface DirectoryEntryDetails {
  readonly entry: DirectoryEntry;
  /** Those that hold first. */
  readonly relations: readonly DirectoryRelation[];
  readonly more: boolean;
  readonly skippedFiles: number;
}

export interface DeadLetterGroup {
  readonly reason: string;
  readonly eventType: string;
  readonly records: number;
  readonly first: string;
  readonly last: string;
  readonly samples: readonly {
    readonly time: string;
    readonly message: string;
    readonly path: string | null;
    /** The record's text, redacted. */
    readonly raw: string;
  }[];
}

export interface DeadLetters {
  readonly groups: readonly DeadLetterGroup[];
  readonly total: number;
  /** Where the dead letters are, for sinks that the console cannot read. */
  readonly elsewhere: string | null;
}

/** What a replay did, or (dry run) would do. */
interface Replayed {
  readonly dryRun: boolean;
  readonly read: number;
  readonly events: number;
  readonly stillDead: number;
  readonly already: number;
  readonly reasons: Readonly<Record<string, number>>;
}

export interface Samples {
  /** OCSF events, newest first. */
  readonly events: readonly Json[];
  readonly elsewhere: string | null;
}

/** What the service account of response is, without its secret. */
export interface ServiceAccount {
  readonly clientId: string | null;
  readonly organization: string | null;
  /** First 16 digits of the secret's digest; null: there is none. */
  readonly fingerprint: string | null;
  /** Where the secret is: kept by the console, in a file of the server, or given at start. */
  readonly kept: 'console' | 'file' | 'start' | null;
  /** Of a secret that the console keeps. */
  readonly since: string | null;
  /** RFC 3339, or `never`: when the secret ends, where that was given. */
  readonly ends: string | null;
}

/** Response of one feed. */
export interface FeedResponse {
  readonly feed: string;
  /** What it may do; empty: response of this feed is off. */
  readonly allow: readonly Verb[];
  readonly groups: readonly string[];
  readonly actionsPerHour: number;
  readonly account: ServiceAccount;
  /** The kill switch is on: nothing is executed. */
  readonly stopped: boolean;
  /** The feed is written down in a file of the operator's. */
  readonly readOnly: boolean;
}

export interface ResponseList {
  readonly feeds: readonly FeedResponse[];
  readonly verbs: Readonly<Record<Verb, VerbFacts>>;
}

export interface ResponseTest {
  readonly works: boolean;
  readonly message: string;
  readonly cure: string | null;
}

/**
 * How an action is. planned: it can be run; refused: a guard refuses it; waiting: for an approval; expired: to be planned
 * again; begun: a request may have left and there is no outcome yet; else its outcome.
 */
export type ActionState = 'planned' | 'refused' | 'waiting' | 'expired' | 'begun' | Exclude<Result, 'refused'>;

export interface ResponseAction extends Plan {
  readonly feed: string;
  readonly state: ActionState;
  /** RFC 3339: until when it can be run. */
  readonly expiresAt: string;
  readonly approvals: readonly Approval[];
  /** RFC 3339: until when the approval holds; null: none holds. */
  readonly approvedUntil: string | null;
  readonly intentAt: string | null;
  readonly outcome: Outcome | null;
  /** Why it cannot be undone; null: it can. */
  readonly undoRefusal: Refusal | null;
  /** The action that undoes it, where one is planned. */
  readonly undoneBy: string | null;
  /** The job that runs it now. */
  readonly job: string | null;
}

export interface ActionList {
  readonly actions: readonly ResponseAction[];
  /** Whether the chain of the journal is whole. */
  readonly chain: AuditVerification;
}

export interface Questions {
  readonly questions: readonly {
    readonly name: string;
    readonly title: string;
    readonly description: string;
    readonly sql: string;
    readonly parameters: readonly {
      readonly name: string;
      readonly title: string;
      readonly type: 'instant' | 'duration' | 'integer' | 'number' | 'text' | 'list';
      /** As a user would write it. */
      readonly default: string;
    }[];
  }[];
}

export interface Views {
  readonly views: readonly {
    readonly name: string;
    readonly columns: readonly { readonly name: string; readonly type: string }[];
  }[];
}

/** A line of an answer to a query (NDJSON): first the columns, then rows, last the end. */
export type QueryLine =
  | { readonly columns: readonly { readonly name: string; readonly type: string }[] }
  | { readonly row: readonly Json[] }
  | {
      readonly end: {
        readonly rows: number;
        /** More rows were there than the limit lets through. */
        readonly more: boolean;
        readonly seconds: number;
        readonly skippedFiles: number;
        readonly error: { readonly code: string; readonly message: string; readonly cure: string } | null;
      };
    };

export interface Queries {
  readonly running: readonly { readonly id: string; readonly user: string; readonly startedAt: string }[];
}

export interface Users {
  readonly users: readonly {
    readonly name: string;
    readonly role: Role;
    readonly createdAt: string;
    readonly lastLogin: string | null;
    /** Has not used the link yet. */
    readonly invited: boolean;
  }[];
}

/** Shown once. */
export interface Invitation {
  readonly user: string;
  readonly role: Role;
  /** `…/#start=…` */
  readonly link: string;
  readonly expires: string;
}

export interface ApiToken {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** A person, also where another token made it. */
  readonly createdBy: string;
  /** Every person who could have read its secret: who made it, who rotated it, and those of a token that did. */
  readonly heldBy: readonly string[];
  readonly createdAt: string;
  readonly expires: string | null;
  readonly lastUsed: string | null;
  /** What it may plan and run of response. */
  readonly verbs: readonly Verb[];
  /** Until when the one before it is taken too, after *Rotate*. */
  readonly overlapUntil: string | null;
}

export interface ApiTokens {
  readonly tokens: readonly ApiToken[];
}

/** Shown once. */
export interface NewApiToken extends ApiToken {
  readonly token: string;
}

export interface AuditEntry {
  readonly number: number;
  readonly time: string;
  readonly actor: string;
  readonly role: string;
  /** What the actor is the name of: a token may be named like a user. */
  readonly kind: 'session' | 'token' | 'none';
  readonly address: string;
  readonly operation: string;
  readonly target: string | null;
  readonly status: number;
  readonly changes: readonly { readonly path: string; readonly from: Json; readonly to: Json }[];
}

export interface AuditPage {
  /** Newest first. */
  readonly entries: readonly AuditEntry[];
  /** To be sent as `before=`; null: this was the last page. */
  readonly next: number | null;
}

export interface AuditVerification {
  readonly intact: boolean;
  readonly lines: number;
  /** The first line that does not follow from the one before. */
  readonly broken: { readonly file: string; readonly line: number; readonly reason: string } | null;
}

export interface About {
  readonly name: string;
  readonly version: string;
  readonly ocsf: string;
  readonly node: string;
  readonly startedAt: string;
  readonly now: string;
  readonly files: readonly string[];
  readonly notes: readonly string[];
  readonly listeners: readonly string[];
  readonly disks: readonly { readonly path: string; readonly freeBytes: number | null }[];
  readonly memory: { readonly residentBytes: number; readonly limitBytes: number | null };
  readonly clockSkewSeconds: number | null;
}

/** `{}` */
export type Nothing = Readonly<Record<string, never>>;

/** The body that each operation takes; the compiled schemas of schemas/console.json hold requests to them. */
export interface Bodies {
  readonly login: Login;
  readonly changePassword: { readonly present: string; readonly password: string };
  readonly putFeed: FeedDocument;
  readonly testDraft: { readonly document: Json };
  readonly putDraft: { readonly document: Json; readonly waitingFor?: string };
  readonly putSecret: { readonly secret: string };
  readonly pauseFeed: { readonly reason: string; readonly until?: string };
  readonly repair: { readonly from: string; readonly to: string };
  readonly backfill: { readonly from: string; readonly to: string };
  readonly replay: { readonly dryRun: boolean };
  /** The generation whose held removals were looked at. */
  readonly confirmRemovals: { readonly generation: number };
  readonly query: {
    readonly feed: string;
    readonly sql?: string;
    /** A ready question instead of `sql`. */
    readonly question?: string;
    readonly parameters?: Readonly<Record<string, string>>;
    /** Of a ready question: the days that it looks at, `to` exclusive. A statement of one's own says so by itself. */
    readonly from?: string;
    readonly to?: string;
    /**
     * Default `rows`: lines of QueryLine, at most `console.query.rows`. The others are downloads without that limit;
     * `csv-safe` holds no formula for a spreadsheet.
     */
    readonly format?: 'rows' | 'csv' | 'csv-safe' | 'ndjson';
  };
  readonly inviteUser: { readonly name: string; readonly role: Role };
  readonly changeUser: { readonly role: Role };
  readonly createToken: {
    readonly name: string;
    readonly role: Role;
    readonly days?: number;
    readonly verbs?: readonly Verb[];
  };
  readonly planAction: {
    readonly verb: Verb;
    /** Id, username or e-mail address. */
    readonly user: string;
    /** Id or name; of the verbs of groups. */
    readonly group?: string;
    readonly reason: string;
    readonly ticket?: string;
    /** Names the action: the same id again gives the recorded outcome and sends nothing. */
    readonly actionId?: string;
    readonly forceScheduled?: boolean;
    readonly notOurs?: boolean;
  };
  readonly approveAction: { readonly hash: string };
  readonly runAction: { readonly hash: string };
  /** How long a secret is taken after another has replaced it. */
  readonly overlap: { readonly overlapHours: number };
  readonly empty: Nothing;
}
