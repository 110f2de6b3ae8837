const LENGTH = 200;
/** What looks like a credential though nobody named it: JumpCloud's keys, header values, JSON web tokens, long random words. */
const SECRET_LIKE = [
  /\bjc[a-z]_[A-Za-z0-9_-]{8,}/g,
  /\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}/gi,
  /\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]+/g,
  /\b(?=[A-Za-z0-9+/_-]*\d)(?=[A-Za-z0-9+/_-]*[A-Za-z])[A-Za-z0-9+/_-]{32,}={0,2}/g,
];

/**
 * Foreign text fit for a message: one line, no control characters, cut, and without secrets.
 * @param secrets texts that must not appear, whatever they look like
 */
export function safeExcerpt(text: string, secrets: readonly string[]): string {
  // Enough to find a secret that straddles the cut, without scanning megabytes.
  let quoted = text.slice(0, LENGTH * 20);
  for (const secret of secrets) if (secret !== '') quoted = quoted.replaceAll(secret, '[secret]');
  for (const pattern of SECRET_LIKE) quoted = quoted.replace(pattern, '[secret]');
  quoted = quoted.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return quoted.length > LENGTH ? `${quoted.slice(0, LENGTH - 1)}…` : quoted;
}

/** What an error body says: its `message`, or OAuth's `error` and `error_description`, or its text; '' for HTML and nothing. */
export function messageOf(body: string): string {
  const text = body.trim();
  if (text.startsWith('<')) return '';
  if (!text.startsWith('{')) return text;
  try {
    const parsed: Record<string, unknown> = JSON.parse(text);
    const said = [parsed.message, parsed.error, parsed.error_description].filter((part) => typeof part === 'string');
    return said.length > 0 ? said.join(': ') : text;
  } catch {
    // Not JSON after all: the text itself is all there is to quote.
    return text;
  }
}
