import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, existsSync, type WriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { freePort } from '../free-port.js';
import { type Distribution, findDistribution, javaOptions } from './distribution.js';
import { format, newUuid } from './format.js';

const startDeadline = 90_000;
/** A young generation that holds what a start allocates: in the default one the garbage is collected a dozen times meanwhile. */
const HEAP = ['-Xms128m', '-Xmx384m', '-Xmn64m', '-XX:MetaspaceSize=64m'];

/** How clients must speak to a cluster. The brokers' own talk is always plain text on loopback. */
export interface ClientListener {
  readonly protocol: 'PLAINTEXT' | 'SASL_PLAINTEXT' | 'SSL' | 'SASL_SSL';
  /** Broker properties that belong to it (`sasl.enabled.mechanisms`, `ssl.keystore.location`, …), without prefix. */
  readonly properties?: Readonly<Record<string, string>>;
}

export interface ClusterOptions {
  /** 1 by default; 3 gives a quorum that survives one stopped node. */
  readonly nodes?: number;
  readonly version?: string;
  readonly listener?: ClientListener;
  /** Added to every node's server.properties. */
  readonly properties?: Readonly<Record<string, string>>;
  /** `--add-scram` arguments for the first format, e.g. `SCRAM-SHA-256=[name=collector,password=…]`. */
  readonly scram?: readonly string[];
}

/** One broker process of a cluster. */
export interface ClusterNode {
  readonly id: number;
  readonly address: string;
  /** SIGTERM, and waits for the end; false where that took a SIGKILL. */
  stop(): Promise<boolean>;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** Starts it again on its own port and directory, and waits until it answers. */
  start(): Promise<void>;
  readonly running: boolean;
}

/** Apache Kafka on loopback: real broker processes with directories of their own. */
export interface Cluster {
  readonly version: string;
  readonly distribution: Distribution;
  /** Addresses of the clients' listener. */
  readonly brokers: readonly string[];
  /** Addresses of the plain-text listener whose user is a super user. */
  readonly internal: readonly string[];
  readonly nodes: readonly ClusterNode[];
  /** A connected kafkajs admin on the internal listener; the cluster disconnects it. */
  admin(): Promise<Admin>;
  /** Last lines of a node's output, for messages. */
  log(id: number): Promise<string>;
  stop(): Promise<void>;
}

interface Ports {
  readonly client: number;
  readonly internal: number;
  readonly controller: number;
}

/**
 * Starts Kafka in KRaft mode, every node broker and controller, and waits until all of them answer.
 * @throws NoBroker where this machine cannot run one; Error with the broker's last lines where it does not come up.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const distribution = await findDistribution(options.version);
  await archiveClasses(distribution);
  return startFrom(distribution, options, []);
}

/**
 * A broker spends half of its start on loading classes. One that is started for this alone, once for each distribution and Java,
 * leaves them in an archive; a Java that cannot read the archive does without.
 */
async function archiveClasses(distribution: Distribution): Promise<void> {
  const { archive } = distribution;
  if (archive === undefined || existsSync(archive)) return;
  const aside = `${archive}.${process.pid}`;
  const cluster = await startFrom(distribution, {}, [`-XX:ArchiveClassesAtExit=${aside}`]);
  const whole = await cluster.nodes[0]?.stop();
  await cluster.stop();
  if (whole && existsSync(aside)) await rename(aside, archive);
  else await rm(aside, { force: true });
}

async function startFrom(
  distribution: Distribution,
  options: ClusterOptions,
  archiving: readonly string[],
): Promise<Cluster> {
  const directory = await mkdtemp(join(tmpdir(), 'jumpcloud-ocsf-kafka-'));
  const ports: Ports[] = [];
  for (let index = 0; index < (options.nodes ?? 1); index++) ports.push(await freePorts());
  const clusterId = newUuid();
  const nodes = ports.map(
    (_, index) => new BrokerProcess(index + 1, ports, directory, distribution, options, archiving),
  );
  const admins: Admin[] = [];
  const internal = ports.map((port) => `127.0.0.1:${port.internal}`);
  const cluster: Cluster = {
    version: distribution.version,
    distribution,
    brokers: ports.map((port) => `127.0.0.1:${port.client}`),
    internal,
    nodes,
    async admin() {
      const admin = client(internal).admin();
      await admin.connect();
      admins.push(admin);
      return admin;
    },
    log: (id) => nodes[id - 1]?.log() ?? Promise.resolve(''),
    async stop() {
      await Promise.allSettled(admins.map((admin) => admin.disconnect()));
      await Promise.all(nodes.map((node) => node.kill()));
      await rm(directory, { recursive: true, force: true });
    },
  };
  try {
    await Promise.all(nodes.map((node) => node.format(clusterId)));
    await Promise.all(nodes.map((node) => node.start()));
    await untilComplete(internal, nodes.length);
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

class BrokerProcess implements ClusterNode {
  readonly id: number;
  readonly address: string;
  readonly #port: Ports;
  readonly #ports: readonly Ports[];
  readonly #directory: string;
  readonly #distribution: Distribution;
  readonly #options: ClusterOptions;
  readonly #archiving: readonly string[];
  #child: ChildProcess | undefined;
  #output: WriteStream | undefined;

  constructor(
    id: number,
    ports: readonly Ports[],
    directory: string,
    distribution: Distribution,
    options: ClusterOptions,
    archiving: readonly string[],
  ) {
    const port = ports[id - 1];
    if (port === undefined) throw new RangeError(`no ports for node ${id}`);
    this.id = id;
    this.#port = port;
    this.#ports = ports;
    this.#directory = join(directory, `node-${id}`);
    this.#distribution = distribution;
    this.#options = options;
    this.#archiving = archiving;
    this.address = `127.0.0.1:${port.client}`;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  async format(clusterId: string): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    await writeFile(this.#propertiesFile, this.#properties());
    const { scram = [] } = this.#options;
    const { id } = this;
    const node = { id, clusterId, propertiesFile: this.#propertiesFile, directory: this.#logDirectory, scram };
    await format(this.#distribution, node);
  }

  async start(): Promise<void> {
    if (this.#child !== undefined) return;
    this.#output ??= createWriteStream(this.#logFile, { flags: 'a' });
    const options = [...this.#archiving, ...javaOptions(this.#distribution), ...HEAP];
    const child = spawn('java', [...options, 'kafka.Kafka', this.#propertiesFile], {
      cwd: this.#directory,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stdout.pipe(this.#output, { end: false });
    child.stderr.pipe(this.#output, { end: false });
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined;
    });
    await this.#untilListening();
  }

  async stop(): Promise<boolean> {
    return this.#end('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async log(): Promise<string> {
    const text = await readFile(this.#logFile, 'utf8').catch(() => '');
    return text.split('\n').slice(-30).join('\n');
  }

  async #end(signal: NodeJS.Signals): Promise<boolean> {
    const child = this.#child;
    if (child === undefined) return true;
    const ended = once(child, 'exit');
    child.kill(signal);
    const patience = setTimeout(() => child.kill('SIGKILL'), this.#archiving.length > 0 ? startDeadline : 20_000);
    await ended;
    clearTimeout(patience);
    this.#child = undefined;
    return child.signalCode !== 'SIGKILL';
  }

  async #untilListening(): Promise<void> {
    const deadline = Date.now() + startDeadline;
    const patient = this.#options.nodes === undefined || this.#options.nodes === 1;
    while (Date.now() < deadline) {
      if (this.#child === undefined) throw new Error(`Kafka node ${this.id} ended:\n${await this.log()}`);
      if (patient ? await answers([`127.0.0.1:${this.#port.internal}`]) : await listens(this.#port.internal)) return;
      await sleep(100);
    }
    throw new Error(`Kafka node ${this.id} did not come up:\n${await this.log()}`);
  }

  get #propertiesFile(): string {
    return join(this.#directory, 'server.properties');
  }

  get #logDirectory(): string {
    return join(this.#directory, 'log');
  }

  get #logFile(): string {
    return join(this.#directory, 'output.log');
  }

  #properties(): string {
    const nodes = this.#ports.length;
    const replicas = String(Math.min(3, nodes));
    const inSync = String(Math.min(2, nodes));
    const { protocol, properties: own } = this.#options.listener ?? { protocol: 'PLAINTEXT' as const };
    const listeners = (host: string): string =>
      `CLIENT://${host}:${this.#port.client},INTERNAL://${host}:${this.#port.internal}`;
    const all: Record<string, string> = {
      'process.roles': 'broker,controller',
      'node.id': String(this.id),
      'controller.quorum.voters': this.#ports.map((port, i) => `${i + 1}@127.0.0.1:${port.controller}`).join(','),
      listeners: `${listeners('127.0.0.1')},CONTROLLER://127.0.0.1:${this.#port.controller}`,
      'advertised.listeners': listeners('127.0.0.1'),
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'INTERNAL',
      'listener.security.protocol.map': `CLIENT:${protocol},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT`,
      'log.dirs': this.#logDirectory,
      'auto.create.topics.enable': 'false',
      'offsets.topic.replication.factor': replicas,
      'offsets.topic.num.partitions': '1',
      'transaction.state.log.replication.factor': replicas,
      'transaction.state.log.min.isr': inSync,
      'transaction.state.log.num.partitions': '1',
      'share.coordinator.state.topic.replication.factor': replicas,
      'share.coordinator.state.topic.min.isr': inSync,
      'group.initial.rebalance.delay.ms': '0',
      // The default of 128 MB would not fit the small heap.
      'log.cleaner.dedupe.buffer.size': '4194304',
      'log.cleaner.backoff.ms': '1000',
      // No record that says nothing twice a second: two fifths of what an idle broker costs.
      'metadata.max.idle.interval.ms': '0',
      'num.network.threads': '2',
      'num.io.threads': '4',
      // A killed broker is noticed sooner than after the usual 9 seconds.
      'broker.session.timeout.ms': '4000',
      'broker.heartbeat.interval.ms': '1000',
      ...Object.fromEntries(Object.entries(own ?? {}).map(([key, value]) => [`listener.name.client.${key}`, value])),
      ...this.#options.properties,
    };
    return Object.entries(all)
      .map(([key, value]) => `${key}=${value}\n`)
      .join('');
  }
}

/** A quiet kafkajs client for test work that is not under test. */
export function client(brokers: readonly string[]): Kafka {
  return new Kafka({
    brokers: [...brokers],
    clientId: 'test',
    logLevel: logLevel.NOTHING,
    connectionTimeout: 5_000,
    requestTimeout: 15_000,
    retry: { retries: 8, initialRetryTime: 100, maxRetryTime: 1_000 },
  });
}

async function untilComplete(brokers: readonly string[], nodes: number): Promise<void> {
  const deadline = Date.now() + startDeadline;
  while (!(await answers(brokers, nodes))) {
    if (Date.now() > deadline) throw new Error(`Kafka: not all of ${nodes} brokers registered`);
    await sleep(200);
  }
}

async function answers(brokers: readonly string[], nodes = 1): Promise<boolean> {
  const admin = new Kafka({
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1_000,
    retry: { retries: 0 },
  }).admin();
  try {
    await admin.connect();
    return (await admin.describeCluster()).brokers.length >= nodes;
  } catch {
    return false;
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

async function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function freePorts(): Promise<Ports> {
  return { client: await freePort(), internal: await freePort(), controller: await freePort() };
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
