import { type OcsfTarget, ocsfTarget } from '../../../../schemas/ocsf-target.js';
import type { Guarantee } from '../../sink.js';

/** TLS to the brokers. All of it PEM text, not file names. */
export interface KafkaTls {
  /** Unset: on where any other key of TLS is given. */
  readonly enabled?: boolean;
  /** Trusted besides the system's own authorities. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly passphrase?: string;
  /** Name the brokers' certificate must carry, where it is not the host that is dialled. */
  readonly serverName?: string;
}

/** Who the collector is to the brokers. */
export type KafkaSasl =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
      readonly username: string;
      readonly password: string;
    }
  | {
      readonly mechanism: 'oauthbearer';
      /** https, or http on loopback. */
      readonly tokenEndpoint: string;
      readonly clientId: string;
      readonly clientSecret: string;
      readonly scope?: string;
    };

/** What a name in `KafkaTopics.names` stands for: an OCSF class by its name (`authentication`), or one of these. */
export type OwnTopic = 'dead_letters' | 'raw' | 'entities' | 'state';

export interface KafkaTopics {
  readonly create: 'if_missing' | 'never';
  /** Of a topic of events that is created. */
  readonly partitions: number;
  /** Of a topic that is created; unset: min(3, brokers). */
  readonly replication?: number;
  /** Full names of topics that do not follow the prefix, by OCSF class name or `OwnTopic`. */
  readonly names: Readonly<Record<string, string>>;
}

/** Everything that decides how a feed is published. */
export interface KafkaSettings {
  readonly feed: string;
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly topicPrefix: string;
  readonly delivery: Guarantee;
  readonly compression: 'none' | 'gzip' | 'zstd';
  readonly tls?: KafkaTls;
  readonly sasl?: KafkaSasl;
  readonly topics: KafkaTopics;
  /** `class_uid`s that the feed delivers; unset: all that the mappers emit. */
  readonly classes?: readonly number[];
  /** The OCSF release that names classes and their topics. */
  readonly target: OcsfTarget;
  readonly lease: {
    /** How long a lane stays taken after its holder was last heard of. */
    readonly seconds: number;
    /** True: `open` waits for a lane in use; false: it throws LANE_IN_USE. */
    readonly wait: boolean;
  };
  /** Milliseconds after which the brokers give up a transaction that its producer left open. */
  readonly transactionTimeout: number;
}

/** Settings as an operator gives them: everything but the feed and the brokers has a default. */
export type KafkaOptions = Pick<KafkaSettings, 'feed' | 'brokers'> &
  Partial<Omit<KafkaSettings, 'feed' | 'brokers' | 'topics' | 'lease'>> & {
    readonly topics?: Partial<KafkaTopics>;
    readonly lease?: Partial<KafkaSettings['lease']>;
  };

/** Fills in the defaults. */
export function kafkaSettings(options: KafkaOptions): KafkaSettings {
  return {
    clientId: 'jumpcloud-ocsf',
    topicPrefix: 'ocsf.',
    delivery: 'exactly_once',
    compression: 'gzip',
    transactionTimeout: 60_000,
    target: ocsfTarget,
    ...options,
    topics: { create: 'if_missing', partitions: 6, names: {}, ...options.topics },
    lease: { seconds: 30, wait: false, ...options.lease },
  };
}
