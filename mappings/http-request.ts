import type { RecordReader } from './record-reader.js';

/** The user agent where the record has it as one text; JumpCloud's parsed form is not put together again. */
export function readHttpRequest(reader: RecordReader): { user_agent: string } | undefined {
  const agent = reader.text(reader.record, 'user_agent') ?? reader.text(reader.record, 'useragent');
  return agent === undefined ? undefined : { user_agent: agent };
}
