import { nearest } from './did-you-mean.js';
import { type Key, keys } from './keys.js';
import { fromText } from './parse-text.js';
import type { Problem, Setting, Settings } from './setting.js';

/** What the environment sets, what is wrong in it, and what an operator should know about it. */
export interface EnvironmentSettings {
  readonly settings: Settings;
  readonly problems: readonly Problem[];
  readonly notes: readonly string[];
}

/** Names the configuration file in the environment; `--config` as a flag. */
export const configFileVariable = 'CONFIG_FILE';

const byEnv: ReadonlyMap<string, Key> = new Map(keys.map((key) => [key.env, key]));
const byFileEnv: ReadonlyMap<string, Key> = new Map(
  keys.flatMap((key) => (key.fileEnv === undefined ? [] : [[key.fileEnv, key] as const])),
);
const families: readonly string[] = [
  ...new Set(['FEED', ...keys.filter((key) => key.segments.length > 1).map((key) => key.env.split('_')[0]!)]),
];
const names: readonly string[] = [...byEnv.keys(), ...byFileEnv.keys()];

/** Names of our families that belong to others: proxies and Apache Kafka's own scripts. */
const foreign: ReadonlySet<string> = new Set([
  'HTTP_PROXY',
  'KAFKA_HOME',
  'KAFKA_OPTS',
  'KAFKA_HEAP_OPTS',
  'KAFKA_JMX_OPTS',
  'KAFKA_LOG4J_OPTS',
  'KAFKA_GC_LOG_OPTS',
  'KAFKA_JVM_PERFORMANCE_OPTS',
]);

/**
 * What Kubernetes injects for a Service that happens to bear one of our names (documentation: "Service environment
 * variables"): `KAFKA_SERVICE_HOST`, `KAFKA_SERVICE_PORT_CLIENTS`, `KAFKA_PORT=tcp://…`, `KAFKA_PORT_9092_TCP_ADDR`.
 */
function injected(name: string, value: string): boolean {
  return (
    /_SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)$/.test(name) ||
    /_PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/.test(name) ||
    (name.endsWith('_PORT') && /^(?:tcp|udp|sctp):\/\//.test(value))
  );
}

/** Reads the environment. An empty variable counts as unset, except that an empty secret is refused. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): EnvironmentSettings {
  const settings = new Map<string, Setting>();
  const problems: Problem[] = [];
  const notes: string[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (text === undefined || injected(name, text) || foreign.has(name)) continue;
    const key = byEnv.get(name) ?? byFileEnv.get(name);
    if (key === undefined) {
      if (families.some((family) => name.startsWith(`${family}_`)))
        problems.push({ where: name, message: unknownName(name) });
      continue;
    }
    if (text === '' && key.secret) problems.push({ where: name, message: 'is set but empty' });
    else if (text === '') notes.push(`${name} is set but empty: taken as not set`);
    else if (settings.has(key.path))
      problems.push({ where: name, message: `${key.env} and ${key.fileEnv} are both set: keep one of them` });
    else {
      const value = byFileEnv.has(name) ? { file: text } : fromText(key, text);
      settings.set(key.path, { key, value, origin: { kind: 'environment', name } });
    }
  }
  return { settings, problems, notes };
}

function unknownName(name: string): string {
  const meant = nearest(name, names);
  return `is not a variable of the configuration${meant === undefined ? '' : `; did you mean ${meant}?`}`;
}
