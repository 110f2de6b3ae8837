import type { FeedConfig } from './feed-config.js';
import type { Secret } from './secret.js';
import type { Problem, Settings } from './setting.js';

/** Where a feed is written down. */
export interface FeedSource {
  /** `file`: the operator's, never written by this program; `managed`: the console's own directory. */
  readonly kind: 'file' | 'managed';
  /** `config.yaml:12`, `/etc/jumpcloud-ocsf/feeds.d/acme.yaml`; of a feed without a file: `configuration`. */
  readonly where: string;
}

/** A feed of the configuration that passed every check. */
export interface ConfiguredFeed {
  readonly source: FeedSource;
  readonly config: FeedConfig;
  /** The settings in force with their origins. */
  readonly settings: Settings;
  /** Sentences for people, such as what was taken off a pasted key. No secrets. */
  readonly notes: readonly string[];
  /** Secrets in force, to be masked before the first use. */
  readonly secrets: readonly Secret[];
}

/** A feed whose configuration cannot be used. Problems name file and line and hold no value. */
export interface InvalidFeed {
  readonly source: FeedSource;
  readonly name: string;
  readonly problems: readonly Problem[];
}

/** Keys that describe a feed, or belong to response alone, and change nothing of what it reads or delivers. */
const DESCRIPTIVE = /^(?:contact\.|description$|owners$|health\.|respond\.)/;

/**
 * What a change asks of a running feed: nothing, to be taken over in place (`live`), or a restart. Keys of the whole
 * process are left out.
 */
export function changeBetween(before: Settings, after: Settings): 'none' | 'live' | 'restart' {
  const paths = new Set([...before.keys(), ...after.keys()]);
  const changed = [...paths].filter((path) => {
    const [old, now] = [before.get(path), after.get(path)];
    return (now ?? old)?.key.shared !== true && JSON.stringify(old?.value) !== JSON.stringify(now?.value);
  });
  if (changed.length === 0) return 'none';
  return changed.every((path) => DESCRIPTIVE.test(path)) ? 'live' : 'restart';
}
