import { decode } from '../../collector/jumpcloud/http/json-body.js';
import { splitArray } from '../../collector/jumpcloud/insights/split-array.js';
import { mapper } from '../../collector/version.js';
import type { Tenant } from '../../fixtures/tenant/tenant.js';
import { normalise } from '../../mappings/normalise.js';
import { readHeader } from '../../mappings/record.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';

const PAGE = 1_000;

interface Mapping {
  /** The tenant's records as the decoder hands them over, a thousand to a page. */
  readonly pages: readonly string[];
  /** The road from the text of a page to the texts of its events, as the collector goes it. */
  readonly road: (page: string) => string[];
  /** The floor: the same text in, the same texts out, and nothing between. */
  readonly floor: (page: string, number: number) => string[];
}

/** What the mapping of a tenant's records is, and the floor that it is measured against. */
export function mappingOf(tenant: Tenant): Mapping {
  const records = [...tenant.ledger.entries()].map(({ number }) => tenant.ledger.text(number));
  const pages = Array.from({ length: Math.ceil(records.length / PAGE) }, (_, page) =>
    decode(Buffer.from(`[${records.slice(page * PAGE, (page + 1) * PAGE).join(',')}]`)),
  );
  const context = { rawData: true, mapper, target: ocsfTarget, fetchedAt: Date.now() };
  const road = (page: string) =>
    splitArray(page).map((received) => {
      const outcome = normalise(received, readHeader(received), context);
      if (outcome.kind === 'dead_letter') throw new Error(`a dead letter: ${outcome.deadLetter.message}`);
      return outcome.event.text;
    });
  const events: unknown[][] = pages.map((page) => road(page).map((text) => JSON.parse(text)));
  const floor = (page: string, number: number) => {
    JSON.parse(page);
    return (events[number] ?? []).map((event) => JSON.stringify(event));
  };
  return { pages, road, floor };
}

/** The value in the middle. */
export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
