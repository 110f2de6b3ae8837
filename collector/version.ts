import { readFileSync } from 'node:fs';

const NAME = 'jumpcloud-ocsf';

/** The product's version, from the package.json that stands above this file (in the sources and in `dist/` alike). */
export const version: string = readVersion(new URL('.', import.meta.url));

/** What `metadata.transformation_info_list` names as the maker of an event. */
export const mapper = { name: NAME, version } as const;

/** What every request tells JumpCloud about its sender; `admin_old_api_key_attempt` records quote it. */
export const userAgent = `${NAME}/${version}`;

function readVersion(folder: URL): string {
  let text: string | undefined;
  try {
    text = readFileSync(new URL('package.json', folder), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const found: { name?: unknown; version?: unknown } = text === undefined ? {} : JSON.parse(text);
  if (found.name === NAME && typeof found.version === 'string') return found.version;
  const above = new URL('..', folder);
  if (above.href === folder.href) throw new Error(`no package.json of ${NAME} above ${import.meta.url}`);
  return readVersion(above);
}
