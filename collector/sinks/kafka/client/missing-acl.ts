import { kafkaErrorRow, nameKafkaError } from './error-table.js';
import type { KafkaSettings } from './settings.js';

/** Rights of Kafka's authorizer that a feed needs, by the names of its tools. */
export type Right = 'Describe' | 'Read' | 'Write';

/** What a right is on. */
export interface Guarded {
  readonly kind: 'topic' | 'transactional-id';
  readonly name: string;
  /** True: every name that begins with this one. */
  readonly prefixed?: boolean;
}

/** Kafka's error codes of a right that is missing: on a topic, on a transactional id. */
const MISSING: readonly number[] = [29, 53];

/** Whether an error says that a right is missing on what was asked for. */
export function isRightMissing(error: unknown): boolean {
  const { code } = nameKafkaError(error);
  const { codes } = kafkaErrorRow(error);
  return MISSING.some((missing) => missing === code || codes?.includes(missing));
}

/** The rights to add, in words and as a command of Kafka's own tools. */
export function grant(
  { brokers, sasl }: Pick<KafkaSettings, 'brokers' | 'sasl'>,
  rights: readonly Right[],
  { kind, name, prefixed = false }: Guarded,
): string {
  const principal = sasl && 'username' in sasl ? `User:${sasl.username}` : "User:<the collector's principal>";
  const operations = rights.map((right) => `--operation ${right}`).join(' ');
  const pattern = prefixed ? ' --resource-pattern-type prefixed' : '';
  const what = `${kind === 'topic' ? 'topic' : 'transactional id'}${prefixed ? 's that begin with' : ''} ${name}`;
  return `Grant ${rights.join(' and ')} on ${what}: kafka-acls.sh --bootstrap-server ${brokers.join(',')} --add --allow-principal "${principal}" ${operations} --${kind} "${name}"${pattern}`;
}
