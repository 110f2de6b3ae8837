/*
 * A feed's document in the forms that other tools take, made of the object that the form sends. Secrets are files there.
 */
import type { Json } from '../answers.js';
import { API } from '../routes.js';
import { segment } from './addresses.js';
import { type Document, valueAt, withValue } from './feed-document.js';
import type { FormKey } from './schema-keys.js';

/** The document with a file in place of each secret that is typed or stored. */
export function withSecretFiles(document: Document, keys: readonly FormKey[]): Document {
  let exported = document;
  for (const { path } of keys.filter(({ kind }) => kind === 'secret')) {
    const value = valueAt(exported, path);
    const isFile = typeof value === 'object' && value !== null && 'file' in value;
    if (value !== undefined && !isFile) {
      const name = path.replace(/[A-Z]/g, '-$&').toLowerCase().replaceAll('.', '-').replace('jumpcloud-', '');
      exported = withValue(exported, path, { file: `/run/secrets/jumpcloud-ocsf/${String(document.name)}-${name}` });
    }
  }
  return exported;
}

/** Block YAML; every text is quoted as JSON, which YAML reads the same. */
export function asYaml(value: Json, indent = ''): string {
  if (Array.isArray(value))
    return value
      .map((one) => `${indent}- ${isBranch(one) ? asYaml(one, `${indent}  `).trimStart() : JSON.stringify(one)}`)
      .join('\n');
  return Object.entries(value as Document)
    .map(([name, one]) =>
      isBranch(one) ? `${indent}${name}:\n${asYaml(one, `${indent}  `)}` : `${indent}${name}: ${JSON.stringify(one)}`,
    )
    .join('\n');
}

const isBranch = (value: Json): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (Array.isArray(value) ? value.length > 0 : Object.keys(value).length > 0);

export function asCurl(document: Document, origin: string): string {
  const body = JSON.stringify(document, null, 2).replaceAll("'", "'\\''");
  return `curl --fail-with-body -X PUT '${origin}${API}/feeds/${segment(String(document.name))}' \\
  -H "Authorization: Bearer $CONSOLE_TOKEN" -H 'Content-Type: application/json' \\
  --data '${body}'`;
}

export function asTerraform(document: Document): string {
  const name = String(document.name);
  const data = JSON.stringify(document, null, 2)
    .replaceAll('${', '$${')
    .replaceAll('%{', '%%{')
    .replaceAll('\n', '\n  ');
  return `resource "restapi_object" ${JSON.stringify(name.replace(/[^A-Za-z0-9_-]/g, '_'))} {
  path        = "${API}/feeds"
  create_path = "${API}/feeds/{id}"
  object_id   = ${JSON.stringify(name)}
  data = jsonencode(${data})
}`;
}

export function asEnvironment(document: Document, keys: readonly FormKey[]): string {
  const quoted = (text: string) => (/^[\w@%+=:,./-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
  return [
    `FEED_NAME=${quoted(String(document.name))}`,
    ...keys.flatMap(({ path, environment, kind }) => {
      const value = valueAt(document, path);
      if (value === undefined || environment === undefined) return [];
      if (kind === 'owners')
        return [
          `${environment}=${quoted((value as { name: string; email?: string }[]).map(({ name, email }) => (email ? `${name} <${email}>` : name)).join(', '))}`,
        ];
      if (typeof value === 'object' && value !== null && 'file' in value)
        return [`${environment}_FILE=${quoted(String(value.file))}`];
      if (kind === 'map')
        return [
          `${environment}=${quoted(
            Object.entries(value as Document)
              .map(([name, one]) => `${name}=${String(one)}`)
              .join(','),
          )}`,
        ];
      return [`${environment}=${quoted(Array.isArray(value) ? value.join(',') : String(value))}`];
    }),
  ].join('\n');
}
