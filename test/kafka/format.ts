import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Distribution, javaOptions } from './distribution.js';

const run = promisify(execFile);

/** Of a node that has not started yet. */
export interface NodeToFormat {
  readonly id: number;
  readonly clusterId: string;
  readonly propertiesFile: string;
  /** Its `log.dirs`. */
  readonly directory: string;
  /** `--add-scram` arguments. */
  readonly scram: readonly string[];
}

/**
 * Formats a node's directory. Kafka's own tool takes half as long as a broker's start: what it has made for the same users is kept
 * beside the archive of classes, and copied under names of the node's own.
 */
export async function format(distribution: Distribution, node: NodeToFormat): Promise<void> {
  const users = node.scram.flatMap((user) => ['--add-scram', user]);
  const name = createHash('sha256').update(users.join('\n')).digest('hex').slice(0, 16);
  const kept = distribution.archive && join(dirname(distribution.archive), `formatted-${name}`);
  if (kept !== undefined && existsSync(kept)) return copy(kept, node);
  const words = ['format', '-t', node.clusterId, '-c', node.propertiesFile, ...users];
  await run('java', [...javaOptions(distribution), '-Xmx96m', 'kafka.tools.StorageTool', ...words], {
    timeout: 90_000,
  });
  if (kept === undefined) return;
  const aside = `${kept}.${newUuid()}`;
  await cp(node.directory, aside, { recursive: true });
  // Where another node was faster, its directory is the same.
  await rename(aside, kept).catch(() => rm(aside, { recursive: true }));
}

async function copy(kept: string, { directory, id, clusterId }: NodeToFormat): Promise<void> {
  await cp(kept, directory, { recursive: true });
  const file = join(directory, 'meta.properties');
  const names = { 'cluster.id': clusterId, 'node.id': id, 'directory.id': newUuid() };
  let text = await readFile(file, 'utf8');
  for (const [key, value] of Object.entries(names))
    text = text.replace(new RegExp(`^${key}=.*`, 'm'), `${key}=${value}`);
  await writeFile(file, text);
}

/** An identifier in Kafka's form; one that begins with a dash would be taken for a flag. */
export function newUuid(): string {
  return randomBytes(16).toString('base64url').replace(/^-/, 'A');
}
