import type { FeedConfig } from '../config/feed-config.js';
import type { Client } from '../jumpcloud/client.js';
import type { KeyLife } from '../jumpcloud/directory/key-life.js';
import type { FeedSettings } from '../pipeline/dependencies.js';
import type { Cursor } from '../position/cursor.js';
import type { SourceAnswers } from './check-source.js';
import type { Finding } from './finding.js';

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
