import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { keys } from '../../config/keys.js';
import { isMissing } from '../../files/durable-file.js';

/** Directories that paths given over the API must lie in; undefined: no such path may be given. */
export interface Roots {
  readonly tables: string | undefined;
  readonly secrets: string | undefined;
  readonly ca: string | undefined;
}

const CERTIFICATES: ReadonlySet<string> = new Set(['jumpcloud.ca', 'kafka.tls.ca', 'kafka.tls.cert']);

/** Which root the path must lie in that a feed gives for a key; every key whose form is a path has one. */
export const ROOT_OF: ReadonlyMap<string, keyof Roots> = new Map(
  keys
    .filter(({ shared, expected }) => !shared && expected === 'a path')
    .map(({ path }) => [path, CERTIFICATES.has(path) ? 'ca' : 'tables']),
);

/**
 * A path that was given, below its root once links are followed; what does not exist yet is judged by what is above it.
 * Nothing is opened.
 * @param given absolute, or relative to the root
 * @returns the absolute path; undefined: it lies elsewhere, or there is no root
 */
export async function pathBelow(root: string | undefined, given: string): Promise<string | undefined> {
  if (root === undefined || given.includes('\0')) return undefined;
  const base = await realExisting(resolve(root));
  const wanted = isAbsolute(given) ? resolve(given) : resolve(root, given);
  const real = await realExisting(wanted);
  const way = relative(base, real);
  return way === '' || way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way) ? undefined : wanted;
}

/** The real path of the part that exists, with the rest behind it. */
async function realExisting(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isMissing(error) || dirname(path) === path) throw error;
    return join(await realExisting(dirname(path)), relative(dirname(path), path));
  }
}
