import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { type AskPage, readPages } from '../../../collector/jumpcloud/insights/pages.js';
import { withUndocumented } from '../../../collector/jumpcloud/insights/undocumented.js';
import { UNDOCUMENTED } from '../../../mappings/catalogue/index-by-type.js';

const RECORDS = 1_000;
const BYTES_PER_RECORD = 20_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function bytesHeld(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** Pages of records whose members make up their size; there is always another page. */
const ask: AskPage = async (body, read) => {
  const from = Number(JSON.parse(body).search_after?.[0] ?? 0);
  const records = Array.from({ length: RECORDS }, (_, index) => {
    const time = new Date(Date.UTC(2026, 10, 1) + (from + index) * 1_000).toISOString();
    return JSON.stringify({
      id: `${from + index}`,
      timestamp: time,
      service: 'new',
      text: 'x'.repeat(BYTES_PER_RECORD),
    });
  });
  const headers = { 'x-search_after': JSON.stringify([from + RECORDS]) };
  return read({ status: 200, headers, body: Buffer.from(`[${records}]`), arrivedAt: 0 } as never);
};

describe('a search that waits before its next page', () => {
  it('holds no record of the last one, nor its text, once its reader has emptied it', async () => {
    const size = { limit: RECORDS, configured: RECORDS, maxBytes: 10 * RECORDS * BYTES_PER_RECORD };
    const source = withUndocumented({
      pages: (search) => readPages(search, ask, size, {}, () => 0),
      count: () => Promise.reject(new Error('no count is asked for')),
    });
    const pages = source.pages({ services: [UNDOCUMENTED], start: Date.UTC(2026, 10, 1) / 1_000 });
    const before = bytesHeld();
    const page = (await pages.next()).value!;
    expect(page.records).toHaveLength(RECORDS);
    expect(bytesHeld() - before).toBeGreaterThan(RECORDS * BYTES_PER_RECORD);
    page.records = [];
    expect(bytesHeld() - before).toBeLessThan((RECORDS * BYTES_PER_RECORD) / 10);
    expect((await pages.next()).value).toMatchObject({ number: 2, last: false });
    await pages.return();
  });
});
