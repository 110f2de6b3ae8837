import { stringify } from 'yaml';
import { isObject, type JsonValue } from '../../../mappings/json.js';
import type { ConfiguredFeed } from '../../config/configured-feed.js';
import { type Document, withValue } from './document.js';

/** Where an exported configuration looks for its secrets. */
const SECRETS = '/run/secrets/jumpcloud-ocsf';

/**
 * The configuration of feeds for a run without console, as YAML: what is set for each of them, secrets as files to be
 * provided; no secret in it.
 * @param only the name of one feed; undefined: all
 * @returns undefined: there is no feed of that name
 */
export function exportFeeds(
  all: readonly { readonly name: string; readonly configured: ConfiguredFeed | null }[],
  only: string | undefined,
): string | undefined {
  const chosen = all.filter(({ name }) => only === undefined || name === only);
  if (only !== undefined && chosen.length === 0) return undefined;
  const files: string[] = [];
  const members = chosen.flatMap(({ name, configured }) => {
    if (configured === null) return [];
    let document: Document = { name };
    for (const { key, value, origin } of configured.settings.values()) {
      if (key.shared || key.path === 'name' || origin.kind === 'default' || origin.kind === 'derived') continue;
      let written: JsonValue = value;
      if (key.secret) {
        const file = `${SECRETS}/${name}-${key.path.replaceAll('.', '-')}`;
        // A file of the operator's own stays what it is.
        written = origin.kind === 'file' && isObject(value) ? value : { file };
        if (written !== value) files.push(file);
      }
      document = withValue(document, key.segments, written);
    }
    return [document];
  });
  const invalid = chosen.filter(({ configured }) => configured === null).map(({ name }) => name);
  const head = [
    '# Feeds of the console, for a run without it. No secret is in this file.',
    ...(invalid.length === 0 ? [] : [`# Left out, since their configuration is not valid: ${invalid.join(', ')}`]),
    ...(files.length === 0 ? [] : ['# Provide these files:', ...files.map((file) => `#   ${file}`)]),
  ];
  return `${head.join('\n')}\n${stringify({ feeds: members }, { lineWidth: 0 })}`;
}
