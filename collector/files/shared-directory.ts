import { stat } from 'node:fs/promises';
import { isMissing } from './durable-file.js';

/** That others can change what lies in a directory. */
export interface SharedDirectory {
  /** True: any user of the machine, or the directory's foreign owner; false: the members of a group. */
  readonly grave: boolean;
  readonly message: string;
  readonly cure: string;
}

/** Who besides this process's user (and root) can write to a directory; undefined: nobody, or it is not there. */
export async function sharedDirectory(directory: string): Promise<SharedDirectory | undefined> {
  const found = await stat(directory).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (found === undefined) return undefined;
  const { mode, uid, gid } = found;
  const cure = `Whoever writes there can change what was collected: chmod go-w ${directory}`;
  if ((mode & 0o002) !== 0)
    return { grave: true, message: `every user of the machine can write to ${directory}`, cure };
  if (uid !== 0 && uid !== process.geteuid?.())
    return {
      grave: true,
      message: `${directory} belongs to another user (${uid})`,
      cure: `Its owner can change what was collected: chown it to the collector's user, or choose another directory.`,
    };
  if ((mode & 0o020) !== 0) return { grave: false, message: `group ${gid} can write to ${directory}`, cure };
  return undefined;
}

/** Tells once what `sharedDirectory` says of a directory, at the first call after it is there. */
export function sharedDirectoryNotice(directory: string, notice: (message: string) => void): () => Promise<void> {
  let told = false;
  return async () => {
    const shared = told ? undefined : await sharedDirectory(directory);
    if (shared === undefined) return;
    told = true;
    notice(`${shared.message}. ${shared.cure}`);
  };
}
