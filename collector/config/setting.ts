import type { JsonValue } from '../../mappings/json.js';
import type { Key } from './keys.js';

/** Where a value comes from. */
export interface Origin {
  /** `managed`: from a file of the console's own. */
  readonly kind: 'flag' | 'environment' | 'file' | 'managed' | 'default' | 'derived';
  /** For people: `--poll-interval`, `POLL_INTERVAL`, `config.yaml:12`, `default`, `because kafka.brokers is set`. */
  readonly name: string;
}

/** A key's value as it was given, read into the key's JSON type where it can be. */
export interface Setting {
  readonly key: Key;
  readonly value: JsonValue;
  readonly origin: Origin;
}

/** Settings of one source or of one feed, by the key's path. */
export type Settings = ReadonlyMap<string, Setting>;

/** What is wrong with a configuration, and where. Never holds a value: it might be a secret in the wrong place. */
export interface Problem {
  /** `config.yaml:12` or `POLL_INTERVAL`. */
  readonly where: string;
  readonly message: string;
  /** The key it is about, `poll.interval`, where it is about one. */
  readonly path?: string;
  /** True where something could not be read rather than not be understood. */
  readonly unreadable?: boolean;
}
