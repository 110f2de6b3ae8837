import type { ReadFile } from '../../collector/config/secret.js';

/** A disk in memory: text by path; an Error instead of a text is thrown. */
export function files(contents: Readonly<Record<string, string | Error>>, mode = 0o600): ReadFile {
  return (path) => {
    const text = contents[path];
    if (text === undefined) throw Object.assign(new Error(`no such file: ${path}`), { code: 'ENOENT' });
    if (text instanceof Error) throw text;
    return { text, mode };
  };
}

export const certificate = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
export const privateKey = '-----BEGIN PRIVATE KEY-----\nQUJDREVGR0hJSktMTU5PUA==\n-----END PRIVATE KEY-----\n';
