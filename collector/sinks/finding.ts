import { asCollectorError } from '../errors.js';
import type { SinkFinding } from './sink.js';

/** A failure as a finding of `check`. */
export function failedFinding(error: unknown, part: string): SinkFinding {
  const { code, message, cure, detail } = asCollectorError(error);
  return { part, verdict: 'failed', message, cure, code, ...(detail === undefined ? {} : { detail }) };
}
