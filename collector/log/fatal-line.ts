import { jsonLine } from './format.js';
import { printableLines } from './printable.js';
import type { Redactor } from './redactor.js';

/** As the process's log on stderr prints; undefined before it is opened. */
let format: 'json' | 'text' | undefined;

/** The log on stderr is open and prints in this form. */
export function setFatalFormat(opened: 'json' | 'text'): void {
  format = opened;
}

/**
 * Prints a failure that ends the program on stderr, without secrets and terminal control characters: as the log prints,
 * one JSON line or readable text.
 * @param asked the form before the log is opened
 * @param text the failure for people
 * @param line its message, and the other fields of a log line
 */
export function printFatal(
  redactor: Redactor,
  asked: 'json' | 'text',
  text: string,
  { msg, ...fields }: Readonly<Record<string, unknown>> & { readonly msg: string },
): void {
  const printed =
    (format ?? asked) === 'json'
      ? jsonLine({ level: 'error', time: new Date().toISOString(), msg, fields }, redactor)
      : printableLines(redactor.mask(text));
  process.stderr.write(`${printed}\n`);
}
