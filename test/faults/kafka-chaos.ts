import { setTimeout as sleep } from 'node:timers/promises';
import { redactedText } from '../../fixtures/tenant/control.js';
import { usualMalformedKinds } from '../../fixtures/tenant/malformed.js';
import { startTenant, type Tenant } from '../../fixtures/tenant/tenant.js';
import { type Cluster, startCluster } from '../kafka/broker.js';
import { readDelivered } from '../kafka/read-delivered.js';
import { readTopic } from '../kafka/read-topic.js';
import { runAndKill } from './run-and-kill.js';

/**
 * Elements with neither id nor time (a bare number, `null`, `{}`) have no identity that a count could be exact about: two of
 * one text differ by their neighbours alone. Tests of their own (F-17) look after them.
 */
const withIdentity = usualMalformedKinds.filter((kind) => !['number', 'string', 'null', 'empty_object'].includes(kind));

export interface ChaosOptions {
  readonly records: number;
  readonly kills: number;
  readonly nodes: 1 | 3;
  /** How many times a broker ends and starts again, and leaders move with it; `Infinity`: as long as the collector is killed. */
  readonly restarts: number;
  /** Share of requests whose answer is lost after the broker has carried them out. */
  readonly cuts: number;
  readonly seed: number;
  readonly version?: string;
  readonly say: (line: string) => void;
}

/** What befell brokers and connections while the collector was killed. */
interface Disturbances {
  readonly restarts: number;
  /** Partitions that were found with another leader than before. */
  readonly moves: number;
  /** Connections cut after a request was written and before its answer came. */
  readonly cuts: number;
}

export interface ChaosOutcome {
  readonly histogram: Readonly<Record<string, number>>;
  readonly disturbances: Disturbances;
  readonly events: number;
  readonly deadLetters: number;
  /** uids that a read_committed consumer sees more than once. */
  readonly uidsTwice: number;
  readonly comparison: Awaited<ReturnType<Tenant['ledger']['compare']>>;
  readonly ledger: number;
}

/**
 * A slowed tenant into real Kafka, the collector killed again and again while brokers restart, leaders move and answers
 * are lost; then everything is read with Kafka's own console consumer and compared with the tenant's ledger.
 */
export async function chaos(options: ChaosOptions): Promise<ChaosOutcome> {
  const cluster = await startCluster({
    nodes: options.nodes,
    ...(options.version ? { version: options.version } : {}),
  });
  const tenant = await startTenant({
    seed: options.seed,
    records: options.records,
    latency: [5, 40],
    trouble: {
      ties: 0.1,
      repeated: { share: 0.02 },
      malformed: { share: 0.001, kinds: withIdentity },
      future: { share: 0.0005 },
    },
  });
  const over = new AbortController();
  const disturbing = disturb(cluster, options.restarts, over.signal);
  try {
    const order = {
      baseUrl: tenant.baseUrl,
      apiKey: tenant.apiKey,
      pageSize: 200,
      kafka: { brokers: cluster.brokers, cuts: options.cuts },
    };
    const histogram = new Map<string, number>();
    let seed = options.seed;
    let cuts = 0;
    const onCut = () => {
      cuts += 1;
    };
    for (let kills = 0; kills < options.kills; kills += 1) {
      seed = (seed * 48_271) % 2_147_483_647;
      const where = await runAndKill(order, 4 + (seed % 40), onCut);
      if (where === 'finished') throw new Error('the collector finished before it was killed often enough');
      histogram.set(where, (histogram.get(where) ?? 0) + 1);
      if ((kills + 1) % 10 === 0) options.say(`${kills + 1} kills`);
    }
    if (options.restarts === Number.POSITIVE_INFINITY) over.abort();
    const ended = await runAndKill(order, Number.POSITIVE_INFINITY, onCut);
    const disturbances = { ...(await disturbing), cuts };
    if (ended !== 'finished') throw new Error(`the collector did not finish: ${ended}`);
    return { histogram: Object.fromEntries([...histogram].sort()), disturbances, ...(await consume(cluster, tenant)) };
  } finally {
    over.abort();
    await disturbing.catch(() => undefined);
    await tenant.close();
    await cluster.stop();
  }
}

/** Everything that a read_committed consumer sees, against the ledger. */
async function consume(cluster: Cluster, tenant: Tenant): Promise<Omit<ChaosOutcome, 'histogram' | 'disturbances'>> {
  const { events, deadLetters, uids, texts } = await readDelivered((...topics) => readTopic(cluster, ...topics));
  return {
    events,
    deadLetters,
    uidsTwice: uids.length - new Set(uids).size,
    comparison: await tenant.ledger.compare(texts, { kept: redactedText }),
    ledger: tenant.ledger.size,
  };
}

/** One node after another is killed or stopped and started again, so that leaders move away from it and back. */
async function disturb(
  cluster: Cluster,
  times: number,
  signal: AbortSignal,
): Promise<{ restarts: number; moves: number }> {
  let restarts = 0;
  let moves = 0;
  let before = new Map<string, number>();
  const look = async () => {
    const now = await leaders(cluster);
    for (const [partition, leader] of now) if ((before.get(partition) ?? leader) !== leader) moves += 1;
    before = now;
  };
  for (let round = 0; round < times && !signal.aborted; round += 1) {
    await sleep(4_000, undefined, { signal }).catch(() => undefined);
    const node = cluster.nodes[round % cluster.nodes.length];
    if (signal.aborted || node === undefined) break;
    await look();
    await (round % 2 === 0 ? node.kill() : node.stop());
    await sleep(1_500);
    await look();
    await node.start();
    restarts += 1;
  }
  await look();
  return { restarts, moves };
}

/** Which node leads each of our partitions now. */
async function leaders(cluster: Cluster): Promise<Map<string, number>> {
  const admin = await cluster.admin();
  const topics = (await admin.listTopics()).filter((name) => name.startsWith('ocsf.'));
  if (topics.length === 0) return new Map();
  const { topics: described } = await admin.fetchTopicMetadata({ topics });
  return new Map(
    described.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionId, leader }) => [`${name}/${partitionId}`, leader] as const),
    ),
  );
}
