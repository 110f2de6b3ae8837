/*
 * The words of the field: how administrators' guides name what to click. They stand on the screens as they
 * are here, letter for letter.
 */
export const SEED_WORDS = {
  area: 'Data',
  feeds: 'Data Feeds',
  add: 'Add New Data Feed',
  source: 'JumpCloud',
  method: 'API Ingest',
  next: 'Next',
  baseUrl: 'API Base URL',
  authorization: 'Authorization Method',
  bearer: 'Bearer Token',
  token: 'Token',
  eventTypes: 'Event types',
  submit: 'Submit',
  accountName: 'Account Name',
  description: 'Description',
  interval: 'Polling Interval',
  disabled: 'DISABLED',
  tag: 'Tag with Account Name',
  syncing: 'Syncing',
  connected: 'Connected',
  response: 'Active Response',
  clientId: 'Client ID',
  clientSecret: 'Client Secret',
  organizationId: 'Organization ID',
  saveAccount: 'Save Service Account',
  rotate: 'Rotate',
} as const;

/** The key of a feed's configuration that each label stands for. */
export const SEED_KEYS = {
  baseUrl: 'jumpcloud.baseUrl',
  authorization: 'jumpcloud.authorization',
  token: 'jumpcloud.apiKey',
  eventTypes: 'jumpcloud.eventTypes',
  accountName: 'account.name',
  description: 'description',
  interval: 'poll.interval',
  tag: 'account.tag',
  clientId: 'respond.clientId',
  clientSecret: 'respond.clientSecret',
  organizationId: 'respond.orgId',
} as const satisfies Partial<Record<keyof typeof SEED_WORDS, string>>;
