import type { Reading } from './record-reader.js';

/** The user agent where the record has it as one text; JumpCloud's parsed form is not put together again. */
export function readHttpRequest(reading: Reading): { user_agent: string } | undefined {
  const agent = reading.text(reading.record, 'user_agent') ?? reading.text(reading.record, 'useragent');
  return agent === undefined ? undefined : { user_agent: agent };
}
