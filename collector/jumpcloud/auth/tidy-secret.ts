/*
 * What copying and pasting adds to a secret. This file runs in browsers too: it imports nothing.
 */

/** Takes off what copying and pasting adds, and says what it was. */
export function tidy(raw: string): { secret: string; found: readonly string[] } {
  const found: string[] = [];
  let secret = raw;
  const strip = (name: string, pattern: RegExp) => {
    const shorter = secret.replace(pattern, '');
    if (shorter === secret) return;
    secret = shorter;
    if (!found.includes(name)) found.push(name);
  };
  const edges = () => {
    strip('a byte order mark', /^\uFEFF/);
    strip('a trailing newline', /[\r\n]+$/);
    strip('a leading newline', /^[\r\n]+/);
    strip('spaces around it', /^\s+|\s+$/g);
  };
  edges();
  const quoted = /^(["'`])(.*)\1$/s.exec(secret);
  if (quoted !== null) {
    secret = quoted[2] ?? '';
    found.push('quotes around it');
    edges();
  }
  strip('the word Bearer before it', /^bearer\s+/i);
  return { secret, found };
}
