/**
 * How fast records become validated OCSF events, against a floor with the same bytes in and out: `JSON.parse` of the
 * records and `JSON.stringify` of the finished events, and nothing between. Rounds take turns, so that a machine whose
 * speed drifts weighs on both. Both work page by page, on text as it comes from the decoder (one flat string: put together
 * from pieces it would slow the road's reading of it alone), and keep what they made until the page is done.
 * Prints one JSON line; the ratio is the figure, the rates are this machine's.
 *
 *     npm run bench:mapping
 */

import { startTenant } from '../../fixtures/tenant/tenant.js';
import { mappingOf, median } from './road.js';

const RECORDS = 10_000;
const ROUNDS = 15;
const WARM_UP = 3;

const tenant = await startTenant({ seed: 3, records: RECORDS });
const { pages, road, floor } = mappingOf(tenant);
await tenant.close();

const seconds = (work: (page: string, number: number) => unknown): number => {
  const started = process.hrtime.bigint();
  for (const [number, page] of pages.entries()) work(page, number);
  return Number(process.hrtime.bigint() - started) / 1e9;
};

const roads: number[] = [];
const floors: number[] = [];
for (let round = 0; round < ROUNDS + WARM_UP; round += 1) {
  const taken = [seconds(floor), seconds(road)] as const;
  if (round < WARM_UP) continue;
  floors.push(taken[0]);
  roads.push(taken[1]);
}
const ratios = roads.map((taken, round) => (floors[round] ?? 0) / taken);
const bytesOf = (texts: readonly string[]) => texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
process.stdout.write(
  `${JSON.stringify({
    bench: 'mapping',
    records: RECORDS,
    bytesIn: bytesOf(pages),
    bytesOut: bytesOf(pages.flatMap(road)),
    ratioToFloor: Number(median(ratios).toFixed(3)),
    ratioSpread: [Math.min(...ratios), Math.max(...ratios)].map((ratio) => Number(ratio.toFixed(3))),
    recordsPerSecond: Math.round(RECORDS / median(roads)),
    floorRecordsPerSecond: Math.round(RECORDS / median(floors)),
  })}\n`,
);
