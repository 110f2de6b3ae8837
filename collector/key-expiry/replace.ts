import { constants } from 'node:fs';
import { open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { floorToSecond } from '../../mappings/instant.js';
import { SECONDS_PER_DAY, SECONDS_PER_HOUR } from '../../mappings/time-units.js';
import { serverTime } from '../clock.js';
import { asCollectorError, CollectorError, errno } from '../errors.js';
import { syncDirectory } from '../files/durable-file.js';
import type { Client } from '../jumpcloud/client.js';
import { firstPage, organizationIn, refusalOf } from '../jumpcloud/insights/probe.js';
import { foreignKey } from '../pipeline/organization-guard.js';
import type { Cursor } from '../position/cursor.js';

/** What a new key was found to be good for. */
export interface VerifiedKey {
  /** Undefined where neither the stored position nor any record names one. */
  readonly organization: string | undefined;
  readonly services: readonly string[];
}

/** How far back a record is looked for that names its organization. */
const REACHES = [
  SECONDS_PER_HOUR,
  SECONDS_PER_DAY,
  7 * SECONDS_PER_DAY,
  30 * SECONDS_PER_DAY,
  89 * SECONDS_PER_DAY,
] as const;

/**
 * Asks JumpCloud with a new key whether it reads the feed's organization and services. Nothing is changed by it.
 * @param client with the new key in place of the present one
 * @param cursor the feed's position, to whose organization the key has to belong; undefined: the feed never ran
 * @throws CollectorError what JumpCloud answered; ORGANIZATION_CHANGED; ROLE_REFUSED where a service that was read so far
 *   is refused; QUERY_REFUSED where nothing shows which organization the key reads
 */
export async function verifyKey(
  client: Client,
  feed: string,
  services: readonly string[],
  cursor: Cursor | undefined,
  signal: AbortSignal,
): Promise<VerifiedKey> {
  const refusedBefore = new Set(
    Object.entries(cursor?.position.perService ?? {}).flatMap(([service, { refused }]) => (refused ? [service] : [])),
  );
  const now = () => Math.floor(serverTime(client.clock.reading()) / 1000);
  const wanted = services.filter((service) => !refusedBefore.has(service));
  const asked = wanted.length === 0 ? services : wanted;
  await refuseWhatIsLost(client, asked, now() - SECONDS_PER_HOUR, signal);
  const bound = cursor?.organization;
  const organization = await organizationOf(client, asked, now(), cursor, signal);
  if (bound !== undefined && organization === undefined) throw unproven(feed, bound);
  if (bound !== undefined && organization !== bound) throw foreignKey(feed, organization ?? '', bound);
  return { organization, services: asked };
}

/** @throws CollectorError where the key is refused, or any of the services */
async function refuseWhatIsLost(
  client: Client,
  services: readonly string[],
  start: number,
  signal: AbortSignal,
): Promise<void> {
  const refusal = await refusalOf(client, services, { start }, signal);
  if (refusal === undefined) return;
  const lost: string[] = [];
  for (const service of services)
    if ((await refusalOf(client, [service], { start }, signal)) !== undefined) lost.push(service);
  if (lost.length === 0) return;
  if (lost.length === services.length) throw refusal;
  throw new CollectorError('ROLE_REFUSED', `the new key may not read ${lost.join(', ')}: ${refusal.message}`, {
    cure: 'Use a key of an administrator whose role may read them, or leave them out with jumpcloud.eventTypes.',
  });
}

/** The organization that the key's records name, looked for where the feed found its last ones, then further back. */
async function organizationOf(
  client: Client,
  services: readonly string[],
  now: number,
  cursor: Cursor | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const newest = cursor === undefined ? [] : [Math.min(floorToSecond(cursor.position.maxEventTime), now) - 60];
  for (const start of [...newest, ...REACHES.map((reach) => now - reach)]) {
    try {
      const organization = organizationIn(await firstPage(client, services, { start }, signal));
      if (organization !== undefined) return organization;
    } catch (error) {
      // The licence ends here: there is nothing further back.
      if (!asCollectorError(error).is('refusesSearch')) throw error;
      if (start !== newest[0]) return undefined;
    }
  }
  return undefined;
}

function unproven(feed: string, bound: string): CollectorError {
  return new CollectorError(
    'QUERY_REFUSED',
    `JumpCloud takes the new key, but shows no record that would prove that it reads organization ${bound}, to which feed ${feed} belongs.`,
    {
      cure: 'Log in to the admin portal once and try again in some minutes, or put the key into the file by hand: a foreign one stops the feed before anything is delivered.',
    },
  );
}

/**
 * Puts a key into its file in one step: whoever reads finds the old key or the new one. A link is followed; the file keeps
 * its owner and, where its group alone could read it, its group's right, so that the collector's own user still can.
 * @throws CollectorError STORAGE_FAILED; the old file is then as it was
 */
export async function swapKeyFile(file: string, key: string): Promise<void> {
  let staged: string | undefined;
  try {
    const target = await realpath(file);
    const { uid, gid, mode } = await stat(target);
    staged = `${target}.${process.pid}.aside`;
    const handle = await open(staged, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      const own = await handle.stat();
      if (own.uid !== uid || own.gid !== gid) await handle.chown(uid, gid);
      await handle.chmod((mode & 0o077) === 0o040 ? 0o640 : 0o600);
      await handle.writeFile(key);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(staged, target);
    staged = undefined;
    await syncDirectory(dirname(target));
  } catch (error) {
    if (staged !== undefined) await rm(staged, { force: true });
    throw notSwapped(file, error);
  }
}

function notSwapped(file: string, error: unknown): CollectorError {
  const code = errno(error) ?? 'unknown';
  const mounted = ['EROFS', 'EBUSY', 'EXDEV'].includes(code);
  return new CollectorError('STORAGE_FAILED', `The key file ${file} cannot be replaced (${code}); it is unchanged.`, {
    cure: mounted
      ? 'It is a mounted secret: change it where it comes from (kubectl, docker); the collector takes it up by itself.'
      : 'Run this as the user who may write that directory, or write the key into the file by hand.',
    detail: code,
    cause: error,
  });
}
