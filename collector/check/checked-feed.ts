import type { FeedConfig } from '../config/feed-config.js';
import type { Cursor } from '../cursor.js';
import type { FeedSettings } from '../feed-parts.js';
import type { Client } from '../jumpcloud/client.js';
import type { KeyLife } from '../jumpcloud/console.js';
import type { Finding } from './finding.js';
import type { SourceAnswers } from './source.js';

/** A feed that was looked at, with what the report goes on to ask. */
export interface CheckedFeed {
  readonly findings: readonly Finding[];
  readonly config: FeedConfig;
  readonly settings: FeedSettings;
  readonly cursor: Cursor | undefined;
  /** Undefined where there is no credential. To be closed by whoever asked for the check. */
  readonly client: Client | undefined;
  readonly answers: SourceAnswers | undefined;
  readonly keyLife: KeyLife | undefined;
}
