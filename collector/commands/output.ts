import type { Writable } from 'node:stream';
import { printableJson, printableLines } from '../log/printable.js';
import { maskedJson, processRedactor } from '../log/redactor.js';

/** Writes text for people: without the secrets in force, and with nothing in it that steers a terminal. */
export function writeText(output: Writable, text: string): void {
  output.write(printableLines(processRedactor.mask(text)));
}

/** Writes a JSON value, indented, as `writeText` does. */
export function writeJson(output: Writable, value: unknown): void {
  output.write(`${printableJson(maskedJson(value, (text) => processRedactor.mask(text), 2))}\n`);
}
