import type * as answers from './answers.js';
import type { Bodies, Role } from './answers.js';

/*
 * The one table of the console's API: the server mounts it, the gate judges by it, the document (OpenAPI 3.1) is made of
 * it, and pages take their types from it. This file runs in browsers too: it imports types alone.
 */

/** Where all paths begin. */
export const API = '/api/v1';

/** The header that carries the proof of a session. */
export const PROOF_HEADER = 'x-console-proof';

/** Marks a request that a page makes by itself: it does not count as use of the session. */
export const BACKGROUND_HEADER = 'x-console-background';

export interface Route {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Below `API`; `{name}` is one segment. */
  readonly path: string;
  /** Least role; `anyone` with a session or token; `none`: no credential yet (the login). */
  readonly role: Role | 'anyone' | 'none';
  readonly summary: string;
  /** Name of the body's schema; absent: it takes no body. */
  readonly body?: keyof Bodies;
  /** Parameters of the query string. */
  readonly query?: readonly string[];
  /** Status of success; more than one where it depends. */
  readonly success: readonly number[];
  /** Default `json`. */
  readonly answer?: 'json' | 'ndjson' | 'yaml' | 'graphml' | 'none';
  /** True: needs `console.manage`. */
  readonly manages?: true;
  /** API tokens, besides the role: `verbs` takes those that hold the verb of the action, `never` takes none. */
  readonly tokens?: 'verbs' | 'never';
}

/** By operationId. */
export const ROUTES = {
  login: { method: 'POST', path: '/session', role: 'none', summary: 'Log in', body: 'login', success: [200] },
  logout: { method: 'DELETE', path: '/session', role: 'anyone', summary: 'Log out', success: [204], answer: 'none' },
  whoAmI: { method: 'GET', path: '/session', role: 'anyone', summary: 'Who asks', success: [200] },
  changePassword: {
    method: 'PUT',
    path: '/session/password',
    role: 'anyone',
    summary: 'Change one’s own password; ends all sessions of the user',
    body: 'changePassword',
    success: [204],
    answer: 'none',
  },

  catalogue: { method: 'GET', path: '/catalogue', role: 'viewer', summary: 'What can be collected', success: [200] },
  configSchema: {
    method: 'GET',
    path: '/config-schema',
    role: 'viewer',
    summary: 'JSON Schema of a feed’s configuration, with names of variables and flags',
    success: [200],
  },

  listFeeds: {
    method: 'GET',
    path: '/feeds',
    role: 'viewer',
    summary: 'All feeds, trimmed',
    query: ['q', 'state', 'owner'],
    success: [200, 304],
  },
  getFeed: {
    method: 'GET',
    path: '/feeds/{name}',
    role: 'viewer',
    summary: 'A feed exactly as it was PUT; secrets as fingerprints',
    success: [200],
  },
  putFeed: {
    method: 'PUT',
    path: '/feeds/{name}',
    role: 'admin',
    summary: 'Create or replace a feed and apply it at once',
    body: 'putFeed',
    query: ['confirm'],
    success: [200, 201],
    manages: true,
  },
  deleteFeed: {
    method: 'DELETE',
    path: '/feeds/{name}',
    role: 'admin',
    summary: 'Remove a feed; with tables=remove its tables and position go when it can no longer be restored',
    query: ['tables'],
    success: [204, 202],
    manages: true,
  },
  restoreFeed: {
    method: 'POST',
    path: '/feeds/{name}/restore',
    role: 'admin',
    summary: 'Bring back a feed that was removed within 30 days',
    body: 'empty',
    success: [200],
    manages: true,
  },
  feedStatus: { method: 'GET', path: '/feeds/{name}/status', role: 'viewer', summary: 'How a feed is', success: [200] },
  feedEffective: {
    method: 'GET',
    path: '/feeds/{name}/effective',
    role: 'viewer',
    summary: 'Every key in force with its origin',
    success: [200],
  },
  feedRevisions: {
    method: 'GET',
    path: '/feeds/{name}/revisions',
    role: 'viewer',
    summary: 'Who changed what, newest first',
    success: [200],
  },
  getRevision: {
    method: 'GET',
    path: '/feeds/{name}/revisions/{number}',
    role: 'viewer',
    summary: 'The document of a revision',
    success: [200],
  },
  restoreRevision: {
    method: 'POST',
    path: '/feeds/{name}/revisions/{number}/restore',
    role: 'admin',
    summary: 'Put a revision in force again',
    body: 'empty',
    query: ['confirm'],
    success: [200],
    manages: true,
  },
  testFeed: {
    method: 'POST',
    path: '/feeds/{name}/test',
    role: 'operator',
    summary: 'Check a feed as it is stored: NDJSON findings',
    body: 'empty',
    success: [200],
    answer: 'ndjson',
  },
  testDraft: {
    method: 'POST',
    path: '/drafts/test',
    role: 'admin',
    summary: 'Check a feed that is not saved: NDJSON findings',
    body: 'testDraft',
    success: [200],
    answer: 'ndjson',
  },
  getDraft: { method: 'GET', path: '/drafts/{name}', role: 'admin', summary: 'A draft', success: [200] },
  putDraft: {
    method: 'PUT',
    path: '/drafts/{name}',
    role: 'admin',
    summary: 'Keep a form for another person; it holds no secret',
    body: 'putDraft',
    success: [200],
    manages: true,
  },
  deleteDraft: {
    method: 'DELETE',
    path: '/drafts/{name}',
    role: 'admin',
    summary: 'Throw a draft away',
    success: [204],
    answer: 'none',
    manages: true,
  },
  renewSecret: {
    method: 'PUT',
    path: '/feeds/{name}/secrets/{key}',
    role: 'admin',
    summary: 'Renew a secret: a key of JumpCloud is verified against organization and services first',
    body: 'putSecret',
    success: [202],
  },
  pauseFeed: {
    method: 'POST',
    path: '/feeds/{name}/pause',
    role: 'operator',
    summary: 'Pause; the position stays',
    body: 'pauseFeed',
    success: [200],
  },
  resumeFeed: {
    method: 'POST',
    path: '/feeds/{name}/resume',
    role: 'operator',
    summary: 'Resume from the position',
    body: 'empty',
    success: [200],
  },
  runFeed: {
    method: 'POST',
    path: '/feeds/{name}/run',
    role: 'operator',
    summary: 'Poll now; of a feed that is DISABLED: catch up once',
    body: 'empty',
    success: [202],
  },
  restartFeed: {
    method: 'POST',
    path: '/feeds/{name}/restart',
    role: 'operator',
    summary: 'Stop this feed and start it again',
    body: 'empty',
    success: [202],
  },
  repairFeed: {
    method: 'POST',
    path: '/feeds/{name}/repairs',
    role: 'operator',
    summary: 'Read a range again and deliver what is missing',
    body: 'repair',
    success: [202],
  },
  backfillFeed: {
    method: 'POST',
    path: '/feeds/{name}/backfills',
    role: 'operator',
    summary: 'Read a range from before the feed’s first record',
    body: 'backfill',
    success: [202],
  },
  feedActivity: {
    method: 'GET',
    path: '/feeds/{name}/activity',
    role: 'viewer',
    summary: 'Counts per minute or hour; gaps are null',
    query: ['range'],
    success: [200],
  },
  feedCompleteness: {
    method: 'GET',
    path: '/feeds/{name}/completeness',
    role: 'viewer',
    summary: 'What JumpCloud counts and what was delivered, hour by hour',
    success: [200],
  },
  feedLog: {
    method: 'GET',
    path: '/feeds/{name}/log',
    role: 'viewer',
    summary: 'The last 500 lines',
    query: ['after', 'level'],
    success: [200],
  },
  feedSamples: {
    method: 'GET',
    path: '/feeds/{name}/samples',
    role: 'analyst',
    summary: 'The latest events',
    success: [200],
  },
  deadLetters: {
    method: 'GET',
    path: '/feeds/{name}/dead-letters',
    role: 'analyst',
    summary: 'Records that could not become a valid event, grouped',
    success: [200],
  },
  replayFeed: {
    method: 'POST',
    path: '/feeds/{name}/replays',
    role: 'operator',
    summary: 'Map dead letters again; a dry run delivers nothing',
    body: 'replay',
    success: [202],
  },

  feedWebhook: {
    method: 'GET',
    path: '/feeds/{name}/webhook',
    role: 'operator',
    summary:
      'How JumpCloud’s webhook channel is connected: what to paste where, the last test, the last refused attempt',
    success: [200],
  },
  makeWebhookSecret: {
    method: 'POST',
    path: '/feeds/{name}/webhook/secret',
    role: 'admin',
    summary: 'Make a secret for the webhook channel; it is shown once, and the one before is taken for some hours more',
    body: 'overlap',
    success: [201],
    manages: true,
  },
  listResponse: {
    method: 'GET',
    path: '/response',
    role: 'viewer',
    summary: 'Response of each feed: what it may do, and with which service account',
    success: [200, 304],
  },
  testResponse: {
    method: 'POST',
    path: '/feeds/{name}/response/test',
    role: 'operator',
    summary: 'Prove that the service account of response reads what an action reads; nothing is changed',
    body: 'empty',
    success: [200],
  },
  listActions: {
    method: 'GET',
    path: '/feeds/{name}/response/actions',
    role: 'viewer',
    summary: 'The actions of a feed, newest first',
    success: [200, 304],
  },
  getAction: {
    method: 'GET',
    path: '/feeds/{name}/response/actions/{id}',
    role: 'viewer',
    summary: 'One action: its plan, approvals and outcome',
    success: [200, 304],
  },
  planAction: {
    method: 'POST',
    path: '/feeds/{name}/response/actions',
    role: 'operator',
    summary: 'Read the target, judge the action and journal the plan; nothing is sent',
    body: 'planAction',
    success: [201],
    tokens: 'verbs',
    manages: true,
  },
  approveAction: {
    method: 'POST',
    path: '/feeds/{name}/response/actions/{id}/approval',
    role: 'operator',
    summary: 'Approve the plan of another person by its hash; holds for 15 minutes',
    body: 'approveAction',
    success: [200],
    tokens: 'never',
    manages: true,
  },
  runAction: {
    method: 'POST',
    path: '/feeds/{name}/response/actions/{id}/execution',
    role: 'operator',
    summary:
      'Execute the plan of this hash once and read the target again; an action that was begun is read, never sent again',
    body: 'runAction',
    success: [202],
    tokens: 'verbs',
    manages: true,
  },
  undoAction: {
    method: 'POST',
    path: '/feeds/{name}/response/actions/{id}/undo',
    role: 'operator',
    summary: 'Plan the action that restores what was before; nothing is sent',
    body: 'empty',
    success: [201],
    tokens: 'verbs',
    manages: true,
  },

  findings: {
    method: 'GET',
    path: '/feeds/{name}/findings',
    role: 'analyst',
    summary: 'Detection Findings of a feed’s tables as they are now, the latest first',
    query: ['status', 'severity'],
    success: [200],
  },
  finding: {
    method: 'GET',
    path: '/feeds/{name}/findings/{finding}',
    role: 'analyst',
    summary: 'A finding, its evidence, and what directory and tables hold of whom it is about',
    success: [200],
  },

  feedInventory: {
    method: 'GET',
    path: '/feeds/{name}/inventory',
    role: 'viewer',
    summary: 'How far the inventory is: stages, counts, held removals',
    success: [200],
  },
  runInventory: {
    method: 'POST',
    path: '/feeds/{name}/inventory/runs',
    role: 'operator',
    summary: 'Read the directory now and deliver what changed',
    body: 'empty',
    success: [202],
  },
  confirmRemovals: {
    method: 'POST',
    path: '/feeds/{name}/inventory/confirmations',
    role: 'operator',
    summary: 'Read the stages whose removals are held once more and deliver what is still gone',
    body: 'confirmRemovals',
    success: [202],
    manages: true,
  },
  directory: {
    method: 'GET',
    path: '/feeds/{name}/directory',
    role: 'analyst',
    summary: 'What the inventory holds now: users, administrators, groups, roles, applications',
    query: ['kinds', 'q'],
    success: [200],
  },
  directoryEntry: {
    method: 'GET',
    path: '/feeds/{name}/directory/{kind}/{id}',
    role: 'analyst',
    summary: 'One of them, with what it belongs to and what belongs to it, since when and until when',
    success: [200],
  },
  directoryGraph: {
    method: 'GET',
    path: '/feeds/{name}/directory-graph',
    role: 'analyst',
    summary: 'All of them and how they belong together, as GraphML',
    success: [200],
    answer: 'graphml',
  },

  questions: { method: 'GET', path: '/questions', role: 'analyst', summary: 'Ready questions', success: [200] },
  views: {
    method: 'GET',
    path: '/views',
    role: 'analyst',
    summary: 'Views over a feed’s tables and their columns',
    query: ['feed'],
    success: [200],
  },
  query: {
    method: 'POST',
    path: '/queries',
    role: 'analyst',
    summary: 'One SELECT over a feed’s tables: NDJSON; ending the connection ends it',
    body: 'query',
    success: [200],
    answer: 'ndjson',
  },
  listQueries: { method: 'GET', path: '/queries', role: 'analyst', summary: 'One’s running queries', success: [200] },
  cancelQueries: {
    method: 'DELETE',
    path: '/queries',
    role: 'analyst',
    summary: 'End one’s running queries',
    success: [204],
    answer: 'none',
  },

  job: { method: 'GET', path: '/jobs/{id}', role: 'viewer', summary: 'How far a job is', success: [200] },

  listUsers: { method: 'GET', path: '/users', role: 'admin', summary: 'Users', success: [200] },
  inviteUser: {
    method: 'POST',
    path: '/users',
    role: 'admin',
    summary: 'Make a one-time link for a new user, or for one who lost the password',
    body: 'inviteUser',
    success: [201],
  },
  changeUser: {
    method: 'PUT',
    path: '/users/{name}',
    role: 'admin',
    summary: 'Give a user another role; ends the user’s sessions',
    body: 'changeUser',
    success: [204],
    answer: 'none',
  },
  removeUser: {
    method: 'DELETE',
    path: '/users/{name}',
    role: 'admin',
    summary: 'Remove a user; ends the user’s sessions',
    success: [204],
    answer: 'none',
  },
  listTokens: { method: 'GET', path: '/tokens', role: 'admin', summary: 'API tokens', success: [200] },
  createToken: {
    method: 'POST',
    path: '/tokens',
    role: 'admin',
    summary: 'Make an API token; it is shown once',
    body: 'createToken',
    success: [201],
  },
  rotateToken: {
    method: 'POST',
    path: '/tokens/{id}/rotate',
    role: 'admin',
    summary: 'Make a new secret for a token; the one before is taken for some hours more',
    body: 'overlap',
    success: [200],
  },
  deleteToken: {
    method: 'DELETE',
    path: '/tokens/{id}',
    role: 'admin',
    summary: 'Revoke a token at once',
    success: [204],
    answer: 'none',
  },
  audit: {
    method: 'GET',
    path: '/audit',
    role: 'admin',
    summary: 'Who did what, newest first',
    query: ['before', 'actor', 'target'],
    success: [200],
  },
  verifyAudit: {
    method: 'GET',
    path: '/audit/verification',
    role: 'admin',
    summary: 'Whether the chain of the audit is whole',
    success: [200],
  },
  export: {
    method: 'GET',
    path: '/export',
    role: 'admin',
    summary: 'The configuration of all feeds for a run without console; no secret in it',
    query: ['feed'],
    success: [200],
    answer: 'yaml',
  },
  about: { method: 'GET', path: '/about', role: 'viewer', summary: 'The program and its machine', success: [200] },
  openApi: {
    method: 'GET',
    path: '/openapi.json',
    role: 'viewer',
    summary: 'This API as OpenAPI 3.1',
    success: [200],
  },
} as const satisfies Record<string, Route>;

export type OperationId = keyof typeof ROUTES;

/** What each operation answers. */
export interface Answers {
  readonly login: answers.Session;
  readonly logout: undefined;
  readonly whoAmI: answers.Session;
  readonly changePassword: undefined;
  readonly catalogue: answers.Catalogue;
  readonly configSchema: answers.Json;
  readonly listFeeds: answers.FeedList;
  readonly getFeed: answers.FeedDocument;
  /** The document alone, as it was PUT: the rest is in headers and in the feed's status. */
  readonly putFeed: answers.FeedDocument;
  readonly deleteFeed: answers.Job | undefined;
  readonly restoreFeed: answers.FeedDocument;
  readonly feedStatus: answers.FeedStatus;
  readonly feedEffective: answers.Effective;
  readonly feedRevisions: answers.Revisions;
  readonly getRevision: answers.FeedDocument;
  readonly restoreRevision: answers.FeedDocument;
  /** Lines. */
  readonly testFeed: answers.TestLine;
  /** Lines. */
  readonly testDraft: answers.TestLine;
  readonly getDraft: answers.Draft;
  readonly putDraft: answers.Draft;
  readonly deleteDraft: undefined;
  readonly renewSecret: answers.Job;
  readonly pauseFeed: answers.FeedStatus;
  readonly resumeFeed: answers.FeedStatus;
  readonly runFeed: answers.Job;
  readonly restartFeed: answers.Job;
  readonly repairFeed: answers.Job;
  readonly backfillFeed: answers.Job;
  readonly feedActivity: answers.Activity;
  readonly feedCompleteness: answers.Completeness;
  readonly feedLog: answers.LogPage;
  readonly feedSamples: answers.Samples;
  readonly deadLetters: answers.DeadLetters;
  readonly replayFeed: answers.Job;
  readonly feedWebhook: answers.WebhookConnection;
  readonly makeWebhookSecret: answers.NewWebhookSecret;
  readonly findings: answers.Findings;
  readonly finding: answers.FindingDetails;
  readonly listResponse: answers.ResponseList;
  readonly testResponse: answers.ResponseTest;
  readonly listActions: answers.ActionList;
  readonly getAction: answers.ResponseAction;
  readonly planAction: answers.ResponseAction;
  readonly approveAction: answers.ResponseAction;
  readonly runAction: answers.Job;
  readonly undoAction: answers.ResponseAction;
  readonly feedInventory: answers.Inventory;
  readonly runInventory: answers.Job;
  readonly confirmRemovals: answers.Job;
  readonly directory: answers.Directory;
  readonly directoryEntry: answers.DirectoryEntryDetails;
  /** Text. */
  readonly directoryGraph: string;
  readonly questions: answers.Questions;
  readonly views: answers.Views;
  /** Lines. */
  readonly query: answers.QueryLine;
  readonly listQueries: answers.Queries;
  readonly cancelQueries: undefined;
  readonly job: answers.Job;
  readonly listUsers: answers.Users;
  readonly inviteUser: answers.Invitation;
  readonly changeUser: undefined;
  readonly removeUser: undefined;
  readonly listTokens: answers.ApiTokens;
  readonly createToken: answers.NewApiToken;
  readonly rotateToken: answers.NewApiToken;
  readonly deleteToken: undefined;
  readonly audit: answers.AuditPage;
  readonly verifyAudit: answers.AuditVerification;
  /** Text. */
  readonly export: string;
  readonly about: answers.About;
  readonly openApi: answers.Json;
}
