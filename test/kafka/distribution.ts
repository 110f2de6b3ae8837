import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The version that tests run against unless told otherwise. */
const defaultKafkaVersion = process.env.KAFKA_VERSION ?? '4.2.0';

/** Where a broker's classes are. */
export interface Distribution {
  readonly version: string;
  /** Value of java's -cp. */
  readonly classPath: string;
  /** Where the classes of a broker that has started are kept for the next ones, as this Java has loaded them. */
  readonly archive?: string;
}

/** Options of a java that lives for seconds or minutes: to compile little costs it less than to run fast. */
export function javaOptions({ archive, classPath }: Distribution): string[] {
  return [
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-Xshare:auto',
    ...(archive !== undefined && existsSync(archive) ? [`-XX:SharedArchiveFile=${archive}`] : []),
    `-Dlog4j2.configurationFile=${sourceFile('log4j2.properties')}`,
    '-cp',
    classPath,
  ];
}

/** What is missing for a broker on this machine; its message is for people. */
export class NoBroker extends Error {
  override readonly name = 'NoBroker';
}

/**
 * Finds a Kafka broker to run: the distribution at KAFKA_HOME, else the broker's jars through Maven, kept in the
 * user's cache directory. A version asked for by name always comes through Maven.
 * @throws NoBroker where there is no Java, no distribution and no Maven.
 */
export async function findDistribution(version?: string): Promise<Distribution> {
  const java = await findJava();
  const home = process.env.KAFKA_HOME;
  if (home !== undefined && version === undefined) {
    if (!existsSync(join(home, 'libs'))) throw new NoBroker(`KAFKA_HOME=${home} has no directory libs.`);
    return { version: 'KAFKA_HOME', classPath: join(home, 'libs', '*') };
  }
  const wanted = version ?? defaultKafkaVersion;
  const libraries = join(cacheDirectory(), `kafka-${wanted}`);
  if (!existsSync(libraries)) await fetchJars(wanted, libraries);
  return { version: wanted, classPath: join(libraries, '*'), archive: join(libraries, `java-${java}.jsa`) };
}

function cacheDirectory(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'jumpcloud-ocsf');
}

/** The build of the Java on the path. */
async function findJava(): Promise<string> {
  try {
    const { stderr } = await run('java', ['-version']);
    const found = /version "(\d+)/.exec(stderr);
    if (Number(found?.[1]) < 17) throw new NoBroker(`Kafka 4 needs Java 17 or newer; found ${found?.[1]}.`);
    return /\(build ([^)]+)\)/.exec(stderr)?.[1] ?? 'unknown';
  } catch (error) {
    if (error instanceof NoBroker) throw error;
    throw new NoBroker('No Kafka broker: set KAFKA_BROKERS, or install Java 17 and set KAFKA_HOME or install Maven.');
  }
}

async function fetchJars(version: string, libraries: string): Promise<void> {
  const aside = `${libraries}.${process.pid}`;
  await mkdir(aside, { recursive: true });
  const pom = sourceFile('pom.xml');
  const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${aside}`, `-Dkafka.version=${version}`];
  // Kafka 3.9 brings its own binding (reload4j) through its POM.
  const logging = Number(version.split('.')[0]) >= 4 ? ['-Plog4j2'] : [];
  try {
    await run('mvn', ['-q', '-B', '-f', pom, ...logging, ...goal], { timeout: 600_000 });
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    const reason = error instanceof Error ? error.message : String(error);
    throw new NoBroker(
      `No Kafka broker: Maven could not fetch Kafka ${version} (${reason}). Set KAFKA_BROKERS or KAFKA_HOME instead.`,
    );
  }
  try {
    await rename(aside, libraries);
  } catch (error) {
    // Another test process was faster; its jars are the same.
    await rm(aside, { recursive: true, force: true });
    if ((await readdir(libraries)).length === 0) throw error;
  }
}

/** A file of this folder that the compiler does not copy: beside the source, also when this runs from dist/. */
function sourceFile(name: string): string {
  const beside = fileURLToPath(new URL(name, import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL(`../../../test/kafka/${name}`, import.meta.url));
}
