const escapes = /\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\./gs;

/**
 * The same JSON text with U+FFFD for every lone surrogate, escaped or not: DuckDB refuses a whole file for one of them, others a line.
 * On one line, whatever white space is between its tokens.
 */
export function wellFormedLine(text: string): string {
  const line = /[\n\r]/.test(text) ? text.replace(/[\n\r]/g, ' ') : text;
  if (!/\\u[dD][89a-fA-F]/.test(line)) return line.toWellFormed();
  return line.toWellFormed().replace(escapes, (found) => (/^\\u[dD][89a-fA-F]..$/.test(found) ? '\\ufffd' : found));
}
