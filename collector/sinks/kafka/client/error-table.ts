import { CollectorError, type ErrorCode } from '../../../errors.js';

/**
 * What an error of Kafka or kafkajs means for a lane and what an operator can do. Whatever the row says, the producer
 * that met it is thrown away: after a rejected send its sequence numbers are wrong (kafkajs takes back a batch that
 * the broker may have written, and the next batch of equal length is then swallowed as a duplicate).
 */
export interface KafkaErrorRow {
  /** Kafka's error codes; kafkajs 2.2.4 knows them up to 88 and names the rest only in the message. */
  readonly codes?: readonly number[];
  /** `type` or `name` of kafkajs' error, or `code` of a system error. */
  readonly types?: readonly string[];
  readonly meaning: string;
  readonly code: ErrorCode;
  /** True where the same delivery may succeed later without anybody's doing. */
  readonly transient: boolean;
  readonly cure: string;
}

const CHECK_RIGHTS = 'Grant what `jumpcloud-ocsf check` lists as missing; delivery then goes on by itself.';

/** First match wins. Codes: Kafka protocol guide, "Error Codes". */
export const kafkaErrors: readonly KafkaErrorRow[] = [
  {
    codes: [47, 90],
    types: ['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED'],
    meaning: 'another producer took over this transactional id, or the transaction ran out of time',
    code: 'FENCED',
    transient: true,
    cure: 'Run one instance a lane. A single instance goes on by itself after a transaction that ran out of time.',
  },
  {
    codes: [10, 18],
    types: ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'],
    meaning: 'a record batch is larger than the topic allows',
    code: 'SINK_REFUSED',
    transient: true,
    cure: "Let the collector read the topics' configuration (DescribeConfigs), or raise max.message.bytes of the topics.",
  },
  {
    codes: [32],
    types: ['INVALID_TIMESTAMP'],
    meaning: "the topic refuses the records' publishing time",
    code: 'SINK_REFUSED',
    transient: false,
    cure: "Set this machine's clock, or raise message.timestamp.before.max.ms and message.timestamp.after.max.ms of the topics.",
  },
  {
    codes: [87],
    types: ['INVALID_RECORD'],
    meaning: 'the broker refuses a record',
    code: 'SINK_REFUSED',
    transient: false,
    cure: 'Event topics must not be compacted without keys; see the broker log for the reason.',
  },
  {
    codes: [29],
    types: ['TOPIC_AUTHORIZATION_FAILED'],
    meaning: 'not allowed to use a topic',
    code: 'SINK_REFUSED',
    transient: true,
    cure: CHECK_RIGHTS,
  },
  {
    codes: [53],
    types: ['TRANSACTIONAL_ID_AUTHORIZATION_FAILED'],
    meaning: 'not allowed to use the transactional id',
    code: 'SINK_REFUSED',
    transient: true,
    cure: CHECK_RIGHTS,
  },
  {
    codes: [31, 30, 65],
    types: ['CLUSTER_AUTHORIZATION_FAILED', 'GROUP_AUTHORIZATION_FAILED', 'DELEGATION_TOKEN_AUTHORIZATION_FAILED'],
    meaning: 'not allowed on this cluster',
    code: 'SINK_REFUSED',
    transient: true,
    cure: CHECK_RIGHTS,
  },
  {
    codes: [33, 34, 58],
    types: [
      'UNSUPPORTED_SASL_MECHANISM',
      'ILLEGAL_SASL_STATE',
      'SASL_AUTHENTICATION_FAILED',
      'KafkaJSSASLAuthenticationError',
    ],
    meaning: 'the broker refuses the SASL credentials or the mechanism',
    code: 'SINK_REFUSED',
    transient: true,
    cure: 'Check kafka.sasl.mechanism and its user name, password or token endpoint against the brokers’ listener.',
  },
  {
    codes: [50],
    types: ['INVALID_TRANSACTION_TIMEOUT'],
    meaning: 'the transaction time-out is longer than the broker allows',
    code: 'SINK_REFUSED',
    transient: false,
    cure: 'Raise transaction.max.timeout.ms of the brokers to 60000 or more.',
  },
  {
    codes: [35, 42, 43],
    types: [
      'UNSUPPORTED_VERSION',
      'INVALID_REQUEST',
      'KafkaJSServerDoesNotSupportApiKey',
      'UNSUPPORTED_FOR_MESSAGE_FORMAT',
    ],
    meaning: 'the broker does not know a request that this delivery needs',
    code: 'SINK_REFUSED',
    transient: false,
    cure: 'Set kafka.delivery to at_least_once where the platform has no transactions.',
  },
  {
    codes: [37, 38, 39, 40, 41, 44],
    types: ['INVALID_PARTITIONS', 'INVALID_REPLICATION_FACTOR', 'INVALID_CONFIG', 'POLICY_VIOLATION'],
    meaning: 'the cluster refuses to create a topic as asked',
    code: 'SINK_REFUSED',
    transient: false,
    cure: 'Create the topics yourself (`jumpcloud-ocsf check` prints the commands) and set kafka.topics.create to never.',
  },
  {
    codes: [3],
    types: ['UNKNOWN_TOPIC_OR_PARTITION', 'KafkaJSMetadataNotLoaded', 'KafkaJSTopicMetadataNotLoaded'],
    meaning: 'a topic is missing',
    code: 'SINK_UNAVAILABLE',
    transient: true,
    cure: 'Nothing where kafka.topics.create is if_missing; else create the topic that `jumpcloud-ocsf check` names.',
  },
  {
    codes: [45, 46, 59],
    types: ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'DUPLICATE_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID'],
    meaning: "the broker lost track of the producer's sequence",
    code: 'SINK_IN_DOUBT',
    transient: true,
    cure: 'Nothing: the lane is opened again and goes on from what is committed.',
  },
  {
    codes: [48, 49, 51, 120],
    types: [
      'INVALID_TXN_STATE',
      'INVALID_PRODUCER_ID_MAPPING',
      'CONCURRENT_TRANSACTIONS',
      'TRANSACTION_COORDINATOR_FENCED',
    ],
    meaning: 'the transaction is no longer what the producer takes it for',
    code: 'SINK_IN_DOUBT',
    transient: true,
    cure: 'Nothing: the lane is opened again and goes on from what is committed.',
  },
  {
    codes: [19, 20],
    types: ['NOT_ENOUGH_REPLICAS', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND'],
    meaning: 'too few replicas are in sync',
    code: 'SINK_UNAVAILABLE',
    transient: true,
    cure: 'Bring the missing brokers back; delivery then goes on by itself.',
  },
  {
    codes: [5, 6, 14, 15, 16, 56, 72, 74, 75],
    types: [
      'LEADER_NOT_AVAILABLE',
      'NOT_LEADER_FOR_PARTITION',
      'GROUP_LOAD_IN_PROGRESS',
      'GROUP_COORDINATOR_NOT_AVAILABLE',
      'NOT_COORDINATOR_FOR_GROUP',
      'KAFKA_STORAGE_ERROR',
      'KafkaJSGroupCoordinatorNotFound',
      'KafkaJSBrokerNotFound',
    ],
    meaning: 'a leader or coordinator is moving or missing',
    code: 'SINK_UNAVAILABLE',
    transient: true,
    cure: 'Nothing if brokers are being restarted; else see that every partition has a leader.',
  },
  {
    codes: [76],
    types: ['UNSUPPORTED_COMPRESSION_TYPE'],
    meaning: 'the broker does not know the compression',
    code: 'SINK_REFUSED',
    transient: false,
    cure: 'Set kafka.compression to gzip or none.',
  },
  {
    types: ['KafkaJSNotImplemented'],
    meaning: 'a topic holds records in a compression that this program does not read',
    code: 'SINK_REFUSED',
    transient: true,
    cure: 'Set compression.type of the topics to producer; what was written before stays unreadable until retention or compaction takes it.',
  },
  {
    codes: [2],
    types: ['CORRUPT_MESSAGE'],
    meaning: 'a record batch arrived damaged, or without a key on a compacted topic',
    code: 'SINK_UNAVAILABLE',
    transient: true,
    cure: 'Check the network, and that event topics have cleanup.policy=delete.',
  },
  {
    types: [
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'SELF_SIGNED_CERT_IN_CHAIN',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      'UNABLE_TO_GET_ISSUER_CERT',
      'CERT_HAS_EXPIRED',
      'ERR_TLS_CERT_ALTNAME_INVALID',
    ],
    meaning: "the brokers' certificate is not trusted",
    code: 'SINK_REFUSED',
    transient: true,
    cure: 'Give the authority that signed it as kafka.tls.ca, or the name it carries as kafka.tls.serverName.',
  },
  {
    codes: [7],
    types: [
      'REQUEST_TIMED_OUT',
      'KafkaJSRequestTimeoutError',
      'KafkaJSConnectionError',
      'KafkaJSConnectionClosedError',
      'KafkaJSLockTimeout',
      'KafkaJSTimeout',
      'ECONNREFUSED',
      'ECONNRESET',
      'ETIMEDOUT',
      'ENOTFOUND',
      'EPIPE',
    ],
    meaning: 'the brokers do not answer',
    code: 'SINK_UNAVAILABLE',
    transient: true,
    cure: 'Bring the brokers or the network back, or correct kafka.brokers; delivery then goes on by itself.',
  },
];

const otherwise: KafkaErrorRow = {
  meaning: 'an error this program does not know',
  code: 'SINK_IN_DOUBT',
  transient: true,
  cure: 'The lane is opened again by itself. Where it comes back, report it with the log lines around it.',
};

/** What kafkajs says of an error, its wrappers taken off. */
export interface KafkaErrorName {
  readonly code: number | undefined;
  readonly names: readonly string[];
  readonly message: string;
}

/** Reads code and names of an error and of everything it was caused by. Total: takes any thrown value. */
export function nameKafkaError(error: unknown): KafkaErrorName {
  const names: string[] = [];
  let code: number | undefined;
  let message = '';
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 8; at = innerError(at), depth++) {
    const { type, code: own } = at as { type?: unknown; code?: unknown };
    if (typeof type === 'string') names.push(type);
    if (typeof own === 'string') names.push(own);
    names.push(at.name);
    code ??= unknownCode(at.message) ?? (typeof own === 'number' && own >= 0 ? own : undefined);
    message = at.message;
  }
  return { code, names, message: message || String(error) };
}

function innerError(error: Error): unknown {
  const { errors } = error as { errors?: unknown };
  return Array.isArray(errors) && errors.length > 0 ? errors[0] : error.cause;
}

/** kafkajs gives codes that it does not know as -99, with the number in the message only. */
function unknownCode(message: string): number | undefined {
  const found = /^Unknown error code (\d+)$/.exec(message);
  return found ? Number(found[1]) : undefined;
}

/** The table's row for an error. */
export function kafkaErrorRow(error: unknown): KafkaErrorRow {
  const { code, names, message } = nameKafkaError(error);
  const found = kafkaErrors.find(
    (row) =>
      (code !== undefined && row.codes?.includes(code)) ||
      row.types?.some((type) => names.includes(type) || message.includes(type)),
  );
  return found ?? otherwise;
}

/**
 * Turns whatever kafkajs threw into the collector's error.
 * @param doing what was being done, for the message: `sending records`
 */
export function asKafkaFailure(error: unknown, doing: string): CollectorError {
  if (error instanceof CollectorError) return error;
  const row = kafkaErrorRow(error);
  const { code, names, message } = nameKafkaError(error);
  return new CollectorError(row.code, `Kafka, ${doing}: ${row.meaning} (${message}).`, {
    cure: row.cure,
    transient: row.transient,
    detail: code === undefined ? names.at(-1) : String(code),
    cause: error,
  });
}
